"""Availability Zones: tasks, databases and caches are spread over them, and survive the loss of one."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest
import valkey

from cdp_constructs.local import LocalCloud
from tests.local.services.ecs.web import REGION, Web, address

Eventually = Callable[..., Any]
PASSWORD = "not-for-production"  # of a database that lives as long as this test
FIRST, SECOND = f"{REGION}a", f"{REGION}b"


def _subnet(zone: str, block: str) -> dict[str, Any]:
    properties = {"VpcId": {"Ref": "Network"}, "CidrBlock": block, "AvailabilityZone": zone}
    return {"Type": "AWS::EC2::Subnet", "Properties": properties}


def _attribute(resource: str, name: str) -> dict[str, Any]:
    return {"Value": {"Fn::GetAtt": [resource, name]}}


SUBNETS = [{"Ref": "SubnetA"}, {"Ref": "SubnetB"}]
DATABASE = {"MasterUsername": "chat", "MasterUserPassword": PASSWORD, "DBSubnetGroupName": {"Ref": "Databases"}}
MEMBER = {"Engine": "aurora-postgresql", "DBClusterIdentifier": {"Ref": "Rooms"}, "DBInstanceClass": "db.r6g.large"}
GROUP = {
    "ReplicationGroupDescription": "sessions",
    "Engine": "valkey",
    "CacheNodeType": "cache.t4g.small",
    "NumNodeGroups": 1,
    "ReplicasPerNodeGroup": 1,
    "CacheSubnetGroupName": {"Ref": "Caches"},
}
MORE: dict[str, Any] = {
    "Resources": {
        "Network": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "SubnetA": _subnet(FIRST, "10.0.0.0/24"),
        "SubnetB": _subnet(SECOND, "10.0.1.0/24"),
        "Databases": {
            "Type": "AWS::RDS::DBSubnetGroup",
            "Properties": {"DBSubnetGroupDescription": "databases", "SubnetIds": SUBNETS},
        },
        "Caches": {
            "Type": "AWS::ElastiCache::SubnetGroup",
            "Properties": {"Description": "caches", "SubnetIds": SUBNETS},
        },
        "Rooms": {"Type": "AWS::RDS::DBCluster", "Properties": {"Engine": "aurora-postgresql", **DATABASE}},
        "Member1": {"Type": "AWS::RDS::DBInstance", "Properties": MEMBER},
        "Member2": {"Type": "AWS::RDS::DBInstance", "Properties": MEMBER, "DependsOn": "Member1"},
        "Pair": {
            "Type": "AWS::RDS::DBInstance",
            "Properties": {
                "Engine": "postgres",
                "DBInstanceClass": "db.t4g.small",
                "AllocatedStorage": "20",
                "MultiAZ": True,
                "BackupRetentionPeriod": 1,
                **DATABASE,
            },
        },
        "Replica": {
            "Type": "AWS::RDS::DBInstance",
            "Properties": {"DBInstanceClass": "db.t4g.small", "SourceDBInstanceIdentifier": {"Ref": "Pair"}},
        },
        "Sessions": {
            "Type": "AWS::ElastiCache::ReplicationGroup",
            "Properties": {**GROUP, "AutomaticFailoverEnabled": True, "MultiAZEnabled": True},
        },
        "Fixed": {"Type": "AWS::ElastiCache::ReplicationGroup", "Properties": GROUP},
    },
    "Outputs": {
        "Writer": _attribute("Rooms", "Endpoint.Address"),
        "Reader": _attribute("Rooms", "ReadEndpoint.Address"),
        "Rooms": {"Value": {"Ref": "Rooms"}},
        "Pair": {"Value": {"Ref": "Pair"}},
        "PairAddress": _attribute("Pair", "Endpoint.Address"),
        "Replica": {"Value": {"Ref": "Replica"}},
        "ReplicaAddress": _attribute("Replica", "Endpoint.Address"),
        "Sessions": {"Value": {"Ref": "Sessions"}},
        "Primary": _attribute("Sessions", "PrimaryEndPoint.Address"),
        "CacheReader": _attribute("Sessions", "ReaderEndPoint.Address"),
        "Fixed": {"Value": {"Ref": "Fixed"}},
        "FixedPrimary": _attribute("Fixed", "PrimaryEndPoint.Address"),
        "FixedReader": _attribute("Fixed", "ReaderEndPoint.Address"),
    },
}
NETWORK = {"NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": SUBNETS}}}


@pytest.fixture(scope="module")
def web(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        system = Web(cloud, tmp_path_factory.mktemp("web"), MORE)
        deployment = system.deploy("first", DesiredCount=4, **NETWORK)
        yield system
        deployment.destroy()


@pytest.fixture(autouse=True)
def _restored(web: Web, eventually: Eventually) -> Iterator[None]:
    yield
    for zone in (FIRST, SECOND):
        web.cloud.restore_zone(zone)
    eventually(lambda: set(_members(web).values()) == {"available"}, within=60)
    eventually(lambda: _ask(web.outputs["Reader"], "select pg_is_in_recovery()") == [(True,)], within=60)


def _zones(web: Web) -> Counter[str]:
    return Counter(task["availabilityZone"] for task in web.tasks() if task["lastStatus"] == "RUNNING")


def _instance(web: Web, name: str) -> Any:
    return web.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def _members(web: Web) -> dict[str, str]:
    """The status of each instance of the cluster, by its name."""
    described = web.client("rds").describe_db_instances()["DBInstances"]
    return {
        each["DBInstanceIdentifier"]: each["DBInstanceStatus"]
        for each in described
        if each.get("DBClusterIdentifier") == web.outputs["Rooms"]
    }


def _writer(web: Web) -> str:
    [cluster] = web.client("rds").describe_db_clusters(DBClusterIdentifier=web.outputs["Rooms"])["DBClusters"]
    return next(str(each["DBInstanceIdentifier"]) for each in cluster["DBClusterMembers"] if each["IsClusterWriter"])


def _ask(host: str, statement: str) -> list[Any] | None:
    """Return the rows; None while nothing answers."""
    try:
        with psycopg.connect(
            host=host, user="chat", password=PASSWORD, dbname="mydb", autocommit=True, connect_timeout=5
        ) as connection:
            return connection.execute(statement).fetchall()
    except psycopg.Error:
        return None


def _get(host: str, key: str) -> Any:
    try:
        return valkey.Valkey(host, decode_responses=True).get(key)
    except valkey.exceptions.ConnectionError:
        return "unreachable"


def _set(host: str, key: str, value: str) -> bool:
    """Set a key, and say whether a replica has it."""
    client = valkey.Valkey(host, single_connection_client=True)
    client.set(key, value)
    return bool(client.wait(1, 1000) == 1)


def test_tasks_are_spread_over_the_zones_of_the_subnets(web: Web) -> None:
    assert _zones(web) == {FIRST: 2, SECOND: 2}
    by_subnet = {
        next(each["value"] for each in task["attachments"][0]["details"] if each["name"] == "subnetId"): task[
            "availabilityZone"
        ]
        for task in web.tasks()
    }
    assert sorted(by_subnet.values()) == [FIRST, SECOND]


def test_tasks_of_a_lost_zone_are_replaced_in_the_other_one(web: Web, eventually: Eventually) -> None:
    lost = [address(task) for task in web.tasks() if task["availabilityZone"] == FIRST]
    assert web.cloud.lose_zone(FIRST)["tasks"] == 2
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{lost[0]}:8080/")
    eventually(lambda: _zones(web) == {SECOND: 4}, within=60)
    eventually(lambda: list(web.health().values()) == ["healthy"] * 4, within=60)
    assert {web.get().status_code for _ in range(12)} == {200}


def test_without_any_zone_nothing_runs_until_one_is_back(web: Web, eventually: Eventually) -> None:
    web.cloud.lose_zone(FIRST)
    web.cloud.lose_zone(SECOND)
    eventually(lambda: not _zones(web), within=60)
    [service] = web.client("ecs").describe_services(cluster=web.outputs["Cluster"], services=[web.outputs["Service"]])[
        "services"
    ]
    assert any("Capacity is unavailable at this time" in event["message"] for event in service["events"])
    assert web.get().status_code == 503
    web.cloud.restore_zone(SECOND)
    eventually(lambda: _zones(web) == {SECOND: 4}, within=60)


def test_the_members_of_a_cluster_are_in_different_zones_and_the_reader_takes_over(
    web: Web, eventually: Eventually
) -> None:
    assert {_instance(web, name)["AvailabilityZone"] for name in _members(web)} == {FIRST, SECOND}
    created = "create table if not exists survived as select 1 as a"
    eventually(lambda: _ask(web.outputs["Writer"], created) or _ask(web.outputs["Writer"], "select a from survived"))
    eventually(lambda: _ask(web.outputs["Reader"], "select a from survived") == [(1,)])
    before = _writer(web)
    zone = _instance(web, before)["AvailabilityZone"]
    assert web.cloud.lose_zone(zone)["databases"] >= 1
    eventually(lambda: _writer(web) != before, within=30)
    eventually(lambda: _ask(web.outputs["Writer"], "insert into survived values (2) returning a") == [(2,)], within=30)
    assert _members(web)[before] != "available"  # it waits for its zone
    assert _ask(web.outputs["Reader"], "select pg_is_in_recovery()") == [(False,)]  # the writer, as there is no other
    web.cloud.restore_zone(zone)
    eventually(
        lambda: (
            _ask(web.outputs["Reader"], "select count(*), bool_and(pg_is_in_recovery()) from survived") == [(2, True)]
        ),
        within=60,
    )


def test_a_cluster_fails_over_on_request(web: Web, eventually: Eventually) -> None:
    before = _writer(web)
    web.cloud.fail_over(web.outputs["Rooms"], REGION)
    assert _writer(web) != before
    eventually(lambda: set(_members(web).values()) == {"available"}, within=60)


def test_a_multi_az_instance_moves_to_its_standby_with_its_data(web: Web, eventually: Eventually) -> None:
    pair, host = web.outputs["Pair"], web.outputs["PairAddress"]
    created = "create table if not exists kept as select 1 as a"
    eventually(lambda: _ask(host, created) or _ask(host, "select a from kept"))
    before = _instance(web, pair)
    assert {before["AvailabilityZone"], before["SecondaryAvailabilityZone"]} == {FIRST, SECOND}
    web.cloud.lose_zone(before["AvailabilityZone"])
    eventually(lambda: _ask(host, "select a from kept") == [(1,)], within=30)
    described = _instance(web, pair)
    assert described["AvailabilityZone"] == before["SecondaryAvailabilityZone"]
    assert "SecondaryAvailabilityZone" not in described  # no other zone could have a standby
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        web.cloud.fail_over(pair, REGION)
    web.cloud.restore_zone(before["AvailabilityZone"])
    eventually(lambda: _instance(web, pair).get("SecondaryAvailabilityZone") == before["AvailabilityZone"], within=30)
    web.cloud.fail_over(pair, REGION)
    eventually(lambda: _ask(host, "select a from kept") == [(1,)], within=30)
    assert _instance(web, pair)["AvailabilityZone"] == before["AvailabilityZone"]


def test_an_instance_without_its_standby_takes_writes(web: Web, eventually: Eventually) -> None:
    pair, host = web.outputs["Pair"], web.outputs["PairAddress"]
    eventually(lambda: "SecondaryAvailabilityZone" in _instance(web, pair), within=30)
    before = _instance(web, pair)
    assert web.cloud.lose_zone(before["SecondaryAvailabilityZone"])["databases"] >= 1
    eventually(lambda: _ask(host, "show synchronous_standby_names") == [("",)], within=30)
    created = "create table if not exists alone as select 1 as a"
    eventually(lambda: _ask(host, created) or _ask(host, "select a from alone") == [(1,)])
    assert _instance(web, pair)["AvailabilityZone"] == before["AvailabilityZone"]


def test_a_replica_is_in_another_zone_and_comes_back_with_it(web: Web, eventually: Eventually) -> None:
    replica, host = web.outputs["Replica"], web.outputs["ReplicaAddress"]
    zone = _instance(web, replica)["AvailabilityZone"]
    assert zone == SECOND  # its source was made in the first one
    eventually(lambda: _ask(host, "select pg_is_in_recovery()") == [(True,)])
    web.cloud.lose_zone(zone)
    eventually(lambda: _instance(web, replica)["DBInstanceStatus"] != "available")
    assert _ask(host, "select 1") is None
    web.cloud.restore_zone(zone)
    eventually(lambda: _ask(host, "select pg_is_in_recovery()") == [(True,)], within=30)
    assert _instance(web, replica)["DBInstanceStatus"] == "available"


def _nodes(web: Web, group: str) -> dict[str, str]:
    """The zone of the primary and of the replica."""
    [found] = web.client("elasticache").describe_replication_groups(ReplicationGroupId=web.outputs[group])[
        "ReplicationGroups"
    ]
    members = found["NodeGroups"][0]["NodeGroupMembers"]
    return {each["CurrentRole"]: each["PreferredAvailabilityZone"] for each in members}


def _keep(web: Web, primary: str, reader: str, eventually: Eventually) -> None:
    eventually(lambda: _get(web.outputs[primary], "kept") != "unreachable")
    eventually(lambda: _set(web.outputs[primary], "kept", "1"))
    assert _get(web.outputs[reader], "kept") == "1"


def test_a_cache_fails_over_to_its_replica_in_the_other_zone(web: Web, eventually: Eventually) -> None:
    _keep(web, "Primary", "CacheReader", eventually)
    before = _nodes(web, "Sessions")
    assert sorted(before.values()) == [FIRST, SECOND]
    assert web.cloud.lose_zone(before["primary"])["cacheNodes"] >= 1
    eventually(lambda: _nodes(web, "Sessions") == {"primary": before["replica"], "replica": before["primary"]})
    eventually(lambda: _get(web.outputs["Primary"], "kept") == "1")
    web.cloud.restore_zone(before["primary"])
    eventually(lambda: _set(web.outputs["Primary"], "after", "2"))
    web.cloud.fail_over(web.outputs["Sessions"], REGION)
    eventually(lambda: _nodes(web, "Sessions") == before)
    eventually(lambda: _get(web.outputs["Primary"], "after") == "2")


def test_a_cache_without_automatic_failover_can_be_read_only(web: Web, eventually: Eventually) -> None:
    _keep(web, "FixedPrimary", "FixedReader", eventually)
    before = _nodes(web, "Fixed")
    web.cloud.lose_zone(before["primary"])
    eventually(lambda: _get(web.outputs["FixedPrimary"], "kept") == "unreachable")
    assert _get(web.outputs["FixedReader"], "kept") == "1"
    assert _nodes(web, "Fixed") == before
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        web.cloud.fail_over(web.outputs["Fixed"], REGION)
    web.cloud.restore_zone(before["primary"])
    eventually(lambda: _get(web.outputs["FixedPrimary"], "kept") != "unreachable")


def test_only_what_can_fail_over_does(cloud: LocalCloud) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        cloud.fail_over("unknown", REGION)
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        cloud.lose_zone("eu-west-1")
