"""RDS: PostgreSQL servers behind instances and clusters, and what becomes of them when they die."""

import json
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdp_constructs.local import LocalCloud
from tests.local.services.rds.connections import MASTER, alone, instance
from tests.local.services.rds.connections import ask as _ask
from tests.local.services.rds.connections import connect as _connect

Eventually = Callable[..., Any]
MEMBER = {"Engine": "aurora-postgresql", "DBClusterIdentifier": {"Ref": "Cluster"}}
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Alone": alone(EngineVersion="17.4"),
        "Cluster": {
            "Type": "AWS::RDS::DBCluster",
            "Properties": {"Engine": "aurora-postgresql", "EngineVersion": "17.4", "DatabaseName": "rooms", **MASTER},
        },
        "First": instance(**MEMBER),
        "Second": {**instance(**MEMBER), "DependsOn": "First"},
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
def outputs(stacks: Any) -> dict[str, str]:
    return stacks.deploy(TEMPLATE, region="eu-west-1")  # type: ignore[no-any-return]


def _members(cloud: LocalCloud, cluster: str) -> dict[bool, str]:
    """The names of the instances of a cluster, by whether they are the writer."""
    [described] = cloud.client("rds", region="eu-west-1").describe_db_clusters(DBClusterIdentifier=cluster)[
        "DBClusters"
    ]
    return {member["IsClusterWriter"]: member["DBInstanceIdentifier"] for member in described["DBClusterMembers"]}


def _arn(cloud: LocalCloud, name: str) -> str:
    [found] = cloud.client("rds", region="eu-west-1").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    return str(found["DBInstanceArn"])


def _queue_of_events(cloud: LocalCloud) -> str:
    """Let the events of clusters come to a queue, and return its URL."""
    sqs, events = cloud.client("sqs", region="eu-west-1"), cloud.client("events", region="eu-west-1")
    url = sqs.create_queue(QueueName="failovers")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**allowed, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    pattern = {"source": ["aws.rds"], "detail-type": ["RDS DB Cluster Event"]}
    events.put_rule(Name="failovers", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="failovers", Targets=[{"Id": "queue", "Arn": arn}])
    return str(url)


def _received(cloud: LocalCloud, url: str, count: int) -> list[Any]:
    sqs, found = cloud.client("sqs", region="eu-west-1"), []
    while len(found) < count:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=10).get("Messages")
        assert messages, f"{len(found)} of {count} events came"
        found += [json.loads(message["Body"]) for message in messages]
    return found


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
    events = _queue_of_events(cloud)
    cloud.client("rds", region="eu-west-1").failover_db_cluster(DBClusterIdentifier=outputs["Cluster"])
    heard = [event["detail"] for event in _received(cloud, events, 2)]
    assert {(each["EventID"], each["SourceIdentifier"]) for each in heard} == {
        ("RDS-EVENT-0073", outputs["Cluster"]),
        ("RDS-EVENT-0071", outputs["Cluster"]),
    }
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
    # An answer that was lost with its connection is asked for again, so a row may be there twice.
    rows = "select count(distinct a), bool_and(pg_is_in_recovery()) from survived"
    eventually(lambda: _ask(outputs["Reader"], rows) == [(2, True)], within=60)


def test_an_instance_alone_starts_again_with_its_data(
    cloud: LocalCloud, outputs: dict[str, str], eventually: Eventually
) -> None:
    with _connect(outputs["Alone"]) as connection:
        connection.execute("create table alone as select 1 as a")
        connection.execute("checkpoint")
    cloud.kill_database(outputs["AloneArn"])
    eventually(lambda: _ask(outputs["Alone"], "select a from alone") == [(1,)])


def test_a_stopped_instance_does_not_answer_and_keeps_its_data(
    cloud: LocalCloud, outputs: dict[str, str], eventually: Eventually
) -> None:
    rds, name = cloud.client("rds", region="eu-west-1"), outputs["AloneArn"].rpartition(":")[2]
    with _connect(outputs["Alone"]) as connection:
        connection.execute("create table stopped as select 1 as a")
    rds.stop_db_instance(DBInstanceIdentifier=name)
    assert _ask(outputs["Alone"], "select a from stopped") is None
    rds.start_db_instance(DBInstanceIdentifier=name)
    eventually(lambda: _ask(outputs["Alone"], "select a from stopped") == [(1,)])


def _highest(cloud: LocalCloud, metric: str, name: str) -> float:
    """Let a minute pass, and return the highest value of a metric of an instance in the last ten."""
    now = cloud.metrics.advance(minutes=1)
    answer = cloud.client("cloudwatch", region="eu-west-1").get_metric_statistics(
        Namespace="AWS/RDS",
        MetricName=metric,
        Dimensions=[{"Name": "DBInstanceIdentifier", "Value": name}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Maximum"],
    )
    return float(max((point["Maximum"] for point in answer["Datapoints"]), default=0))


def test_connections_and_lag_are_metrics(cloud: LocalCloud, outputs: dict[str, str], eventually: Eventually) -> None:
    """An alarm may rise when clients fill a database, or when a reader falls behind."""
    name = outputs["AloneArn"].rpartition(":")[2]
    reader = _members(cloud, outputs["Cluster"])[False]
    connections = [_connect(outputs["Alone"]) for _ in range(3)]
    eventually(lambda: _highest(cloud, "DatabaseConnections", name) == 3)  # as many as there are
    for connection in connections:
        connection.close()
    assert _highest(cloud, "FreeableMemory", name) > 0
    with _connect(outputs["Reader"]) as replica:
        replica.execute("select pg_wal_replay_pause()")
        with _connect(outputs["Writer"]) as writer:
            writer.execute("create table lagged as select 1 as a")
        eventually(lambda: _highest(cloud, "AuroraReplicaLag", reader) > 0)
        replica.execute("select pg_wal_replay_resume()")
