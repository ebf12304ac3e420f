"""ElastiCache: Valkey servers behind groups and serverless caches, and what becomes of them when they die."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import valkey
from botocore.exceptions import ClientError
from valkey.cluster import ValkeyCluster

from cdp_constructs.local import LocalCloud

Eventually = Callable[..., Any]
TOKEN = "not-for-production-at-all"  # of a cache that lives as long as this test
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Group": {
            "Type": "AWS::ElastiCache::ReplicationGroup",
            "Properties": {
                "ReplicationGroupDescription": "rooms",
                "Engine": "valkey",
                "EngineVersion": "8.0",
                "CacheNodeType": "cache.t4g.small",
                "NumNodeGroups": 1,
                "ReplicasPerNodeGroup": 1,
                "AutomaticFailoverEnabled": True,
                "TransitEncryptionEnabled": True,
                "AuthToken": TOKEN,
            },
        },
        "Plain": {
            "Type": "AWS::ElastiCache::ReplicationGroup",
            "Properties": {
                "ReplicationGroupDescription": "open",
                "Engine": "redis",
                "CacheNodeType": "cache.t4g.small",
                "NumNodeGroups": 1,
                "ReplicasPerNodeGroup": 0,
            },
        },
        "Serverless": {
            "Type": "AWS::ElastiCache::ServerlessCache",
            "Properties": {"Engine": "valkey", "ServerlessCacheName": "serverless"},
        },
    },
    "Outputs": {
        "Group": {"Value": {"Ref": "Group"}},
        "PlainGroup": {"Value": {"Ref": "Plain"}},
        "Primary": {"Value": {"Fn::GetAtt": ["Group", "PrimaryEndPoint.Address"]}},
        "Reader": {"Value": {"Fn::GetAtt": ["Group", "ReaderEndPoint.Address"]}},
        "Plain": {"Value": {"Fn::GetAtt": ["Plain", "PrimaryEndPoint.Address"]}},
        "Serverless": {"Value": {"Fn::GetAtt": ["Serverless", "Endpoint.Address"]}},
    },
}


@pytest.fixture(scope="module")
def outputs(stacks: Any) -> dict[str, str]:
    deployed: dict[str, str] = stacks.deploy(TEMPLATE)
    return deployed


@pytest.fixture(scope="module")
def authority(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> str:
    file: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    file.write_text(cloud.cache_certificate_authority())
    return str(file)


def _connect(host: str, authority: str, password: str | None = TOKEN) -> valkey.Valkey:
    return valkey.Valkey(
        host, password=password, ssl=True, ssl_ca_certs=authority, ssl_check_hostname=True, decode_responses=True
    )


def _value(host: str, authority: str, key: str) -> Any:
    try:
        return _connect(host, authority).get(key)
    except valkey.exceptions.ConnectionError:
        return None


def test_a_group_takes_its_password_over_tls_only(outputs: dict[str, str], authority: str) -> None:
    assert _connect(outputs["Primary"], authority).set("a", "1")
    with pytest.raises(valkey.exceptions.AuthenticationError):
        _connect(outputs["Primary"], authority, password="wrong").ping()  # a wrong one
    with pytest.raises(valkey.exceptions.AuthenticationError):
        _connect(outputs["Primary"], authority, password=None).ping()
    with pytest.raises((valkey.exceptions.ConnectionError, valkey.exceptions.TimeoutError)):
        valkey.Valkey(outputs["Primary"], password=TOKEN, socket_timeout=3).ping()


def test_readers_follow_and_do_not_write(outputs: dict[str, str], authority: str, eventually: Eventually) -> None:
    _connect(outputs["Primary"], authority).set("followed", "1")
    eventually(lambda: _value(outputs["Reader"], authority, "followed") == "1")
    with pytest.raises(valkey.exceptions.ReadOnlyError):
        _connect(outputs["Reader"], authority).set("followed", "2")


def test_a_primary_that_dies_is_replaced_by_its_replica(
    cloud: LocalCloud, outputs: dict[str, str], authority: str, eventually: Eventually
) -> None:
    _connect(outputs["Primary"], authority).set("survived", "1")
    eventually(lambda: _value(outputs["Reader"], authority, "survived") == "1")
    cloud.kill_cache(outputs["Primary"])
    eventually(lambda: _value(outputs["Primary"], authority, "survived") == "1")
    _connect(outputs["Primary"], authority).set("after", "2")
    eventually(lambda: _value(outputs["Reader"], authority, "after") == "2")


def _roles(cloud: LocalCloud, group: str) -> dict[str, str]:
    [found] = cloud.client("elasticache").describe_replication_groups(ReplicationGroupId=group)["ReplicationGroups"]
    [nodes] = found["NodeGroups"]
    return {node["CacheClusterId"]: node["CurrentRole"] for node in nodes["NodeGroupMembers"]}


def test_a_test_of_the_failover_makes_a_replica_the_primary(
    cloud: LocalCloud, outputs: dict[str, str], authority: str, eventually: Eventually
) -> None:
    elasticache, group = cloud.client("elasticache"), outputs["Group"]
    _connect(outputs["Primary"], authority).set("tested", "1")
    eventually(lambda: _value(outputs["Reader"], authority, "tested") == "1")
    before = _roles(cloud, group)
    assert sorted(before.values()) == ["primary", "replica"]
    elasticache.test_failover(ReplicationGroupId=group, NodeGroupId="0001")
    assert _roles(cloud, group) == {
        node: "replica" if role == "primary" else "primary" for node, role in before.items()
    }
    eventually(lambda: _value(outputs["Primary"], authority, "tested") == "1")
    assert _connect(outputs["Primary"], authority).set("after the test", "2")
    events = elasticache.describe_events(SourceIdentifier=group, SourceType="replication-group")["Events"]
    old = next(node for node, role in before.items() if role == "primary")
    assert any(event["Message"].startswith(f"Failover from primary node {old} to replica node") for event in events)


def test_the_failover_of_a_group_without_replicas_is_not_tested(cloud: LocalCloud, outputs: dict[str, str]) -> None:
    elasticache = cloud.client("elasticache")
    for group, nodes, code in (
        ("unknown", "0001", "ReplicationGroupNotFoundFault"),
        (outputs["Group"], "0009", "NodeGroupNotFoundFault"),
        (outputs["PlainGroup"], "0001", "InvalidReplicationGroupState"),
    ):
        with pytest.raises(ClientError) as refused:
            elasticache.test_failover(ReplicationGroupId=group, NodeGroupId=nodes)
        assert refused.value.response["Error"]["Code"] == code


def test_replicas_come_and_go(cloud: LocalCloud, outputs: dict[str, str]) -> None:
    elasticache, group = cloud.client("elasticache"), outputs["PlainGroup"]
    plain = valkey.Valkey(outputs["Plain"], decode_responses=True)
    elasticache.increase_replica_count(ReplicationGroupId=group, NewReplicaCount=2, ApplyImmediately=True)
    assert len(_roles(cloud, group)) == 3
    assert plain.info("replication")["connected_slaves"] == 2
    elasticache.decrease_replica_count(ReplicationGroupId=group, NewReplicaCount=1, ApplyImmediately=True)
    assert sorted(_roles(cloud, group).values()) == ["primary", "replica"]
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        elasticache.decrease_replica_count(ReplicationGroupId=group, NewReplicaCount=1, ApplyImmediately=True)


def test_connections_are_a_metric(
    cloud: LocalCloud, outputs: dict[str, str], total: Callable[..., float | None], eventually: Eventually
) -> None:
    node = next(name for name, role in _roles(cloud, outputs["PlainGroup"]).items() if role == "primary")

    def _seen(metric: str) -> float:
        cloud.metrics.advance(minutes=1)
        return total("AWS/ElastiCache", metric, "Maximum", CacheClusterId=node) or 0.0

    # Those of other tests close when nobody holds them any more: the number before is no measure.
    connections = [valkey.Valkey(outputs["Plain"]) for _ in range(30)]
    assert all(each.ping() for each in connections)
    eventually(lambda: _seen("CurrConnections") >= len(connections))
    assert _seen("BytesUsedForCache") > 0
    for each in connections:
        each.close()
    eventually(lambda: _seen("CurrConnections") < len(connections))


def test_a_group_without_encryption_is_plain(outputs: dict[str, str]) -> None:
    plain = valkey.Valkey(outputs["Plain"], decode_responses=True)
    assert plain.set("a", "1")
    assert plain.get("a") == "1"


def test_a_serverless_cache_is_a_cluster_over_tls(outputs: dict[str, str], authority: str) -> None:
    cache = ValkeyCluster(outputs["Serverless"], 6379, ssl=True, ssl_ca_certs=authority, decode_responses=True)
    assert cache.set("room", "7")
    assert cache.get("room") == "7"
    assert [node.host for node in cache.get_nodes()] == [outputs["Serverless"]]
