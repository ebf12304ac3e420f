"""RDS: read replicas of instances follow, and can be promoted; Multi-AZ instances survive their primary."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.services.rds.connections import REGION, Api, alone, ask, connect, execute, instance

Eventually = Callable[..., Any]
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Source": alone(MultiAZ=True, BackupRetentionPeriod=1),
        "Replica": instance(SourceDBInstanceIdentifier={"Ref": "Source"}),
    },
    "Outputs": {
        name: {"Value": value}
        for name, value in {
            "Source": {"Ref": "Source"},
            "Replica": {"Ref": "Replica"},
            "SourceAddress": {"Fn::GetAtt": ["Source", "Endpoint.Address"]},
            "SourceArn": {"Fn::GetAtt": ["Source", "DBInstanceArn"]},
            "ReplicaAddress": {"Fn::GetAtt": ["Replica", "Endpoint.Address"]},
        }.items()
    },
}


@pytest.fixture(scope="module")
def outputs(stacks: Any) -> dict[str, str]:
    return stacks.deploy(TEMPLATE, region=REGION)  # type: ignore[no-any-return]


def _messages(api: Api, name: str) -> list[str]:
    events = api.client.describe_events(SourceIdentifier=name, SourceType="db-instance")["Events"]
    return [event["Message"] for event in events]


def test_a_replica_follows_and_does_not_write(api: Api, outputs: dict[str, str], eventually: Eventually) -> None:
    execute(outputs["SourceAddress"], "create table followed as select 1 as a")
    eventually(lambda: ask(outputs["ReplicaAddress"], "select a, pg_is_in_recovery() from followed") == [(1, True)])
    with connect(outputs["ReplicaAddress"]) as replica, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        replica.execute("insert into followed values (2)")
    assert api.described(outputs["Source"])["ReadReplicaDBInstanceIdentifiers"] == [outputs["Replica"]]
    assert api.described(outputs["Replica"])["ReadReplicaSourceDBInstanceIdentifier"] == outputs["Source"]


def test_a_standby_takes_over_at_the_same_address(
    cloud: LocalCloud, api: Api, outputs: dict[str, str], eventually: Eventually
) -> None:
    host = outputs["SourceAddress"]
    zone = api.described(outputs["Source"])["AvailabilityZone"]
    with connect(host) as connection:
        connection.execute("create table survived as select 1 as a")
        assert connection.execute("show synchronous_standby_names").fetchone() == ("standby",)
    cloud.kill_database(outputs["SourceArn"])
    eventually(lambda: ask(host, "select a from survived") == [(1,)])
    assert ask(host, "insert into survived values (2) returning a") == [(2,)]
    described = api.described(outputs["Source"])
    assert described["Endpoint"]["Address"] == host
    assert described["AvailabilityZone"] != zone
    eventually(lambda: "Multi-AZ instance failover completed." in _messages(api, outputs["Source"]))


def test_a_reboot_may_fail_over(api: Api, outputs: dict[str, str], eventually: Eventually) -> None:
    host = outputs["SourceAddress"]
    eventually(lambda: ask(host, "show synchronous_standby_names") == [("standby",)])  # there is a standby again
    execute(host, "create table rebooted as select 1 as a")
    zone = api.described(outputs["Source"])["AvailabilityZone"]
    api.client.reboot_db_instance(DBInstanceIdentifier=outputs["Source"], ForceFailover=True)
    eventually(lambda: ask(host, "select a from rebooted") == [(1,)])
    assert api.described(outputs["Source"])["AvailabilityZone"] != zone
    with pytest.raises(ClientError, match="InvalidParameterCombination"):
        api.client.reboot_db_instance(DBInstanceIdentifier=outputs["Replica"], ForceFailover=True)


def test_a_promoted_replica_is_an_instance_of_its_own(api: Api, outputs: dict[str, str]) -> None:
    name = "promoted"
    api.client.create_db_instance_read_replica(DBInstanceIdentifier=name, SourceDBInstanceIdentifier=outputs["Source"])
    host = api.address(name)
    api.client.promote_read_replica(DBInstanceIdentifier=name)
    execute(host, "create table apart as select 1 as a")
    assert ask(outputs["SourceAddress"], "select to_regclass('apart')") == [(None,)]
    assert name not in api.described(outputs["Source"])["ReadReplicaDBInstanceIdentifiers"]
    with pytest.raises(ClientError, match="InvalidDBInstanceState"):
        api.client.promote_read_replica(DBInstanceIdentifier=name)
    api.delete(name)


def test_a_replica_needs_backups_of_its_source(api: Api) -> None:
    api.create("unbacked", BackupRetentionPeriod=0)
    with pytest.raises(ClientError, match="InvalidDBInstanceState"):
        api.client.create_db_instance_read_replica(
            DBInstanceIdentifier="refused", SourceDBInstanceIdentifier="unbacked"
        )
    api.delete("unbacked")
