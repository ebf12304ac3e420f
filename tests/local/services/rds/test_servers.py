"""RDS: PostgreSQL servers behind instances and clusters, and what becomes of them when they die."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdp_constructs.local import LocalCloud

Eventually = Callable[..., Any]
PASSWORD = "not-for-production"  # of a database that lives as long as this test
ALL = {"MasterUsername": "chat", "MasterUserPassword": PASSWORD}


def _instance(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.r6g.large", **properties}}


MEMBER = {"Engine": "aurora-postgresql", "DBClusterIdentifier": {"Ref": "Cluster"}}
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Alone": _instance(Engine="postgres", EngineVersion="17.4", AllocatedStorage="20", DBName="rooms", **ALL),
        "Cluster": {
            "Type": "AWS::RDS::DBCluster",
            "Properties": {"Engine": "aurora-postgresql", "EngineVersion": "17.4", "DatabaseName": "rooms", **ALL},
        },
        "First": _instance(**MEMBER),
        "Second": {**_instance(**MEMBER), "DependsOn": "First"},
    },
    "Outputs": {
        "Alone": {"Value": {"Fn::GetAtt": ["Alone", "Endpoint.Address"]}},
        "AloneArn": {"Value": {"Fn::GetAtt": ["Alone", "DBInstanceArn"]}},
        "Writer": {"Value": {"Fn::GetAtt": ["Cluster", "Endpoint.Address"]}},
        "Reader": {"Value": {"Fn::GetAtt": ["Cluster", "ReadEndpoint.Address"]}},
        "Cluster": {"Value": {"Ref": "Cluster"}},
    },
}


@pytest.fixture(scope="module")
def outputs(stacks: Any) -> Iterator[dict[str, str]]:
    return stacks.deploy(TEMPLATE, region="eu-west-1")  # type: ignore[no-any-return]


def _connect(host: str, password: str = PASSWORD, **options: Any) -> psycopg.Connection[Any]:
    options = {"sslmode": "require", "connect_timeout": 10, "autocommit": True, **options}
    return psycopg.connect(host=host, user="chat", password=password, dbname="rooms", **options)


def _ask(host: str, statement: str) -> list[Any] | None:
    """Return the rows; None while nothing answers."""
    try:
        with _connect(host) as connection:
            return connection.execute(statement).fetchall()
    except psycopg.Error:
        return None


def _members(cloud: LocalCloud, cluster: str) -> dict[bool, str]:
    """The names of the instances of a cluster, by whether they are the writer."""
    [described] = cloud.client("rds", region="eu-west-1").describe_db_clusters(DBClusterIdentifier=cluster)[
        "DBClusters"
    ]
    return {member["IsClusterWriter"]: member["DBInstanceIdentifier"] for member in described["DBClusterMembers"]}


def _arn(cloud: LocalCloud, name: str) -> str:
    [found] = cloud.client("rds", region="eu-west-1").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    return str(found["DBInstanceArn"])


def test_an_instance_is_a_real_postgresql(outputs: dict[str, str]) -> None:
    assert _ask(outputs["Alone"], "select split_part(version(), ' ', 1), current_user, 1 + 1") == [
        ("PostgreSQL", "chat", 2)
    ]


def test_a_wrong_password_is_refused(outputs: dict[str, str]) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        _connect(outputs["Alone"], "wrong")


def test_clients_may_verify_the_server(cloud: LocalCloud, outputs: dict[str, str], tmp_path: Path) -> None:
    """The certificate is for the address at which clients are, that of the cluster too."""
    authority = tmp_path / "ca.pem"
    for name in ("Alone", "Writer", "Reader"):
        authority.write_text(cloud.database_certificate_authority())
        with _connect(outputs[name], sslmode="verify-full", sslrootcert=str(authority)) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    assert ssl.PEM_cert_to_DER_cert(authority.read_text())


def test_readers_follow_and_do_not_write(outputs: dict[str, str], eventually: Eventually) -> None:
    _ask(outputs["Writer"], "create table followed as select 1 as a")
    eventually(lambda: _ask(outputs["Reader"], "select a, pg_is_in_recovery() from followed") == [(1, True)])
    with _connect(outputs["Reader"]) as reader, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        reader.execute("insert into followed values (2)")


def test_a_failover_keeps_the_addresses_and_the_data(
    cloud: LocalCloud, outputs: dict[str, str], eventually: Eventually
) -> None:
    with _connect(outputs["Writer"]) as writer:
        writer.execute("create table kept as select 1 as a")
    before = _members(cloud, outputs["Cluster"])
    cloud.client("rds", region="eu-west-1").failover_db_cluster(DBClusterIdentifier=outputs["Cluster"])
    assert _members(cloud, outputs["Cluster"]) == {True: before[False], False: before[True]}
    with _connect(outputs["Writer"]) as writer:
        writer.execute("insert into kept values (2)")
    eventually(
        lambda: _ask(outputs["Reader"], "select count(*), bool_and(pg_is_in_recovery()) from kept") == [(2, True)]
    )


def test_a_writer_that_dies_is_replaced_by_a_reader(
    cloud: LocalCloud, outputs: dict[str, str], eventually: Eventually
) -> None:
    with _connect(outputs["Writer"]) as writer:
        writer.execute("create table survived as select 1 as a")
    eventually(lambda: _ask(outputs["Reader"], "select a from survived") == [(1,)])
    before = _members(cloud, outputs["Cluster"])
    cloud.kill_database(_arn(cloud, before[True]))
    eventually(lambda: _members(cloud, outputs["Cluster"])[True] == before[False])
    eventually(
        lambda: _ask(outputs["Writer"], "insert into survived values (2) returning pg_is_in_recovery()") == [(False,)]
    )
    eventually(
        lambda: _ask(outputs["Reader"], "select count(*), bool_and(pg_is_in_recovery()) from survived") == [(2, True)]
    )


def test_an_instance_alone_starts_again_with_its_data(
    cloud: LocalCloud, outputs: dict[str, str], eventually: Eventually
) -> None:
    with _connect(outputs["Alone"]) as connection:
        connection.execute("create table alone as select 1 as a")
        connection.execute("checkpoint")
    cloud.kill_database(outputs["AloneArn"])
    eventually(lambda: _ask(outputs["Alone"], "select a from alone") == [(1,)])
