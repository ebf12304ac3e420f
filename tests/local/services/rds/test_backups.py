"""RDS: snapshots bring back the rows of their time, and a point in time those of a database that is still there."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.services.rds.connections import MASTER, PASSWORD, REGION, Api, ask, connect, execute, instance

ROWS = "select coalesce(array_agg(a order by a), '{}') from kept"
CLUSTER: dict[str, Any] = {
    "Resources": {
        "Cluster": {
            "Type": "AWS::RDS::DBCluster",
            "DeletionPolicy": "Snapshot",
            "Properties": {
                "Engine": "aurora-postgresql",
                "DBClusterIdentifier": "backed-up",
                "DatabaseName": "rooms",
                **MASTER,
            },
        },
        "First": instance(Engine="aurora-postgresql", DBClusterIdentifier={"Ref": "Cluster"}),
    },
    "Outputs": {"Address": {"Value": {"Fn::GetAtt": ["Cluster", "Endpoint.Address"]}}},
}


def _rows(host: str, **options: Any) -> Any:
    found = ask(host, ROWS, **options)
    return found and found[0][0]


def test_snapshots_bring_back_the_rows_of_their_time(api: Api, stacks: Any) -> None:
    host = api.create("remembered")
    execute(host, "create table kept (a int)", "insert into kept values (1)")
    api.client.create_db_snapshot(DBSnapshotIdentifier="first", DBInstanceIdentifier="remembered")
    execute(host, "insert into kept values (2)")
    api.client.delete_db_instance(DBInstanceIdentifier="remembered", FinalDBSnapshotIdentifier="last")
    with pytest.raises(ClientError, match="DBInstanceNotFound"):
        api.described("remembered")
    restored = instance(DBSnapshotIdentifier="first", Engine="postgres", MasterUserPassword="a-new-password")
    outputs = stacks.deploy(
        {
            "Resources": {"Restored": restored},
            "Outputs": {"Address": {"Value": {"Fn::GetAtt": ["Restored", "Endpoint.Address"]}}},
        },
        region=REGION,
    )
    assert _rows(outputs["Address"], password="a-new-password") == [1]
    assert _rows(outputs["Address"], password=PASSWORD) is None  # that of the template is the only one
    api.client.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="again", DBSnapshotIdentifier="last")
    assert _rows(api.address("again")) == [1, 2]
    api.delete("again")


def test_a_deletion_says_what_becomes_of_the_data(api: Api) -> None:
    host = api.create("undecided")
    for options in ({}, {"SkipFinalSnapshot": True, "FinalDBSnapshotIdentifier": "both"}):
        with pytest.raises(ClientError, match="InvalidParameterCombination"):
            api.client.delete_db_instance(DBInstanceIdentifier="undecided", **options)
    assert ask(host, "select 1") == [(1,)]
    api.delete("undecided")


def test_a_deleted_cluster_leaves_its_rows_in_a_snapshot(api: Api, stacks: Any) -> None:
    execute(
        stacks.deploy(CLUSTER, region=REGION, name="backed-up")["Address"],
        "create table kept as select 7 as a",
    )
    stacks.delete("backed-up", region=REGION)
    [snapshot] = api.client.describe_db_cluster_snapshots(DBClusterIdentifier="backed-up")["DBClusterSnapshots"]
    resources = {**CLUSTER["Resources"]}
    resources["Cluster"] = {
        "Type": "AWS::RDS::DBCluster",
        "Properties": {
            "Engine": "aurora-postgresql",
            "SnapshotIdentifier": snapshot["DBClusterSnapshotIdentifier"],
            "MasterUserPassword": "another-password",
        },
    }
    outputs = stacks.deploy({**CLUSTER, "Resources": resources}, region=REGION)
    assert _rows(outputs["Address"], password="another-password") == [7]
    assert _rows(outputs["Address"], password=PASSWORD) is None


def test_the_latest_time_of_a_database_becomes_another_database(api: Api) -> None:
    execute(api.create("source"), "create table kept as select 1 as a")
    assert datetime.now(UTC) - api.described("source")["LatestRestorableTime"] < timedelta(minutes=5)
    restore = {"SourceDBInstanceIdentifier": "source", "TargetDBInstanceIdentifier": "target"}
    for moment in ("2020-01-01T00:00:00Z", "2090-01-01T00:00:00Z"):
        with pytest.raises(ClientError, match="The source can be restored to a time from"):
            api.client.restore_db_instance_to_point_in_time(**restore, RestoreTime=moment)
    api.client.restore_db_instance_to_point_in_time(**restore, UseLatestRestorableTime=True)
    target = api.address("target")
    with connect(target) as connection:
        connection.execute("insert into kept values (2)")
    assert _rows(target) == [1, 2]
    assert _rows(api.address("source")) == [1]  # apart from now on
    for name in ("source", "target"):
        api.delete(name)


def _moment(host: str) -> datetime:
    """The time that the server has, apart by a second from what is done before and after."""
    time.sleep(1)
    [(now,)] = ask(host, "select now()") or []
    time.sleep(1)
    return datetime.fromisoformat(str(now)).replace(microsecond=0) + timedelta(seconds=1)


def test_a_time_of_a_database_becomes_another_database(api: Api) -> None:
    host = api.create("earlier")
    execute(host, "create table kept as select 1 as a")
    moment = _moment(host)
    execute(host, "insert into kept values (2)", "drop table kept")
    api.client.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="earlier", TargetDBInstanceIdentifier="as-it-was", RestoreTime=moment
    )
    target = api.address("as-it-was")
    assert _rows(target) == [1]
    execute(target, "insert into kept values (3)")
    later = _moment(target)
    execute(target, "insert into kept values (4)")
    # What was restored has times of its own.
    api.client.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="as-it-was", TargetDBInstanceIdentifier="once-more", RestoreTime=later
    )
    assert _rows(api.address("once-more")) == [1, 3]
    for name in ("earlier", "as-it-was", "once-more"):
        api.delete(name)


def test_a_time_before_a_failover_becomes_another_cluster(api: Api, stacks: Any, eventually: Any) -> None:
    cluster = {"Type": "AWS::RDS::DBCluster", "Properties": {**CLUSTER["Resources"]["Cluster"]["Properties"]}}
    cluster["Properties"]["DBClusterIdentifier"] = "failing"
    member = instance(Engine="aurora-postgresql", DBClusterIdentifier={"Ref": "Cluster"})
    resources = {"Cluster": cluster, "First": member, "Second": {**member, "DependsOn": "First"}}
    host = stacks.deploy({**CLUSTER, "Resources": resources}, region=REGION, name="failing")["Address"]
    execute(host, "create table kept as select 1 as a")
    moment = _moment(host)
    execute(host, "insert into kept values (2)")
    api.client.failover_db_cluster(DBClusterIdentifier="failing")
    eventually(lambda: ask(host, "insert into kept values (3) returning a") == [(3,)], within=60)
    after = _moment(host)
    execute(host, "insert into kept values (4)")
    for name, time_, rows in (("before", moment, [1]), ("after", after, [1, 2, 3])):
        restored = f"restored-{name}"
        api.client.restore_db_cluster_to_point_in_time(
            SourceDBClusterIdentifier="failing", DBClusterIdentifier=restored, RestoreToTime=time_
        )
        api.client.create_db_instance(
            DBInstanceIdentifier=f"{restored}-1",
            DBClusterIdentifier=restored,
            Engine="aurora-postgresql",
            DBInstanceClass="db.r6g.large",
        )
        assert _rows(api.address(f"{restored}-1")) == rows
    [described] = api.client.describe_db_clusters(DBClusterIdentifier="failing")["DBClusters"]
    assert described["EarliestRestorableTime"] < moment < described["LatestRestorableTime"]
    stacks.delete("failing", region=REGION)


def test_nothing_is_restored_without_backups(api: Api) -> None:
    api.create("without", BackupRetentionPeriod=0)
    with pytest.raises(ClientError, match="PointInTimeRestoreNotEnabled"):
        api.client.restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier="without", TargetDBInstanceIdentifier="never", UseLatestRestorableTime=True
        )
    with pytest.raises(ClientError, match="DBClusterSnapshotNotFound"):
        api.client.restore_db_cluster_from_snapshot(
            DBClusterIdentifier="never", SnapshotIdentifier="unknown", Engine="aurora-postgresql"
        )
    api.delete("without")
