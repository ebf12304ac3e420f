"""ElastiCache: several node groups are a cluster, whose clients follow redirections over TLS and outlive a failover."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import valkey
from valkey.cluster import ValkeyCluster

from cdp_constructs.local import LocalCloud

Eventually = Callable[..., Any]
TOKEN = "not-for-production-at-all"  # of a cache that lives as long as this test
KEYS = [f"room:{number}" for number in range(30)]


@pytest.fixture(scope="module")
def outputs(stacks: Any) -> dict[str, str]:
    properties = {
        "ReplicationGroupDescription": "rooms",
        "Engine": "valkey",
        "CacheNodeType": "cache.t4g.small",
        "NumNodeGroups": 3,
        "ReplicasPerNodeGroup": 1,
        "AutomaticFailoverEnabled": True,
        "TransitEncryptionEnabled": True,
        "AuthToken": TOKEN,
    }
    deployed: dict[str, str] = stacks.deploy(
        {
            "Resources": {"Group": {"Type": "AWS::ElastiCache::ReplicationGroup", "Properties": properties}},
            "Outputs": {
                "Group": {"Value": {"Ref": "Group"}},
                "Address": {"Value": {"Fn::GetAtt": ["Group", "ConfigurationEndPoint.Address"]}},
            },
        }
    )
    return deployed


@pytest.fixture(scope="module")
def authority(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> str:
    file: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    file.write_text(cloud.cache_certificate_authority())
    return str(file)


def _cluster(outputs: dict[str, str], authority: str) -> ValkeyCluster:
    return ValkeyCluster(
        outputs["Address"], 6379, password=TOKEN, ssl=True, ssl_ca_certs=authority, decode_responses=True
    )


def test_keys_are_in_all_node_groups(outputs: dict[str, str], authority: str) -> None:
    cluster = _cluster(outputs, authority)
    for key in KEYS:
        assert cluster.set(key, key)
    assert [cluster.get(key) for key in KEYS] == KEYS
    holders = {cluster.get_node_from_key(key).host for key in KEYS}
    assert len(holders) == 3
    assert all(cluster.dbsize(target_nodes=cluster.get_node(host, 6379)) > 0 for host in holders)


def test_a_server_without_the_slot_says_where_it_is(outputs: dict[str, str], authority: str) -> None:
    alone = valkey.Valkey(outputs["Address"], password=TOKEN, ssl=True, ssl_ca_certs=authority)
    elsewhere = next(
        key for key in KEYS if _cluster(outputs, authority).get_node_from_key(key).host != outputs["Address"]
    )
    with pytest.raises(valkey.exceptions.ResponseError, match=r"^(MOVED )?\d+ 127\."):
        alone.get(elsewhere)


def test_a_node_group_outlives_its_primary(
    cloud: LocalCloud, outputs: dict[str, str], authority: str, eventually: Eventually
) -> None:
    cluster = _cluster(outputs, authority)
    for key in KEYS:
        cluster.set(key, "kept")
    cloud.client("elasticache").test_failover(ReplicationGroupId=outputs["Group"], NodeGroupId="0002")

    def _all_kept() -> bool:
        try:
            fresh = _cluster(outputs, authority)
            return all(fresh.set(key, "again", get=True) in {"kept", "again"} for key in KEYS)
        except (valkey.exceptions.ValkeyError, OSError):
            return False

    eventually(_all_kept)
    [group] = cloud.client("elasticache").describe_replication_groups(ReplicationGroupId=outputs["Group"])[
        "ReplicationGroups"
    ]
    assert [sorted(node["CurrentRole"] for node in each["NodeGroupMembers"]) for each in group["NodeGroups"]] == [
        ["primary", "replica"]
    ] * 3


def _group(cloud: LocalCloud, outputs: dict[str, str]) -> list[dict[str, str]]:
    """The zone of the primary and of the replica of each node group."""
    [group] = cloud.client("elasticache").describe_replication_groups(ReplicationGroupId=outputs["Group"])[
        "ReplicationGroups"
    ]
    return [
        {node["CurrentRole"]: node["PreferredAvailabilityZone"] for node in each["NodeGroupMembers"]}
        for each in group["NodeGroups"]
    ]


def test_a_cluster_outlives_a_zone(
    cloud: LocalCloud, outputs: dict[str, str], authority: str, eventually: Eventually
) -> None:
    before = _group(cloud, outputs)
    assert all(nodes["primary"] != nodes["replica"] for nodes in before)
    assert len({nodes["primary"] for nodes in before}) > 1
    cluster = _cluster(outputs, authority)
    for key in KEYS:
        cluster.set(key, "zone")
    eventually(lambda: _connected(outputs, authority) == 3)
    zone = before[0]["primary"]
    assert cloud.lose_zone(zone)["cacheNodes"] >= 1
    try:
        eventually(lambda: all(nodes["primary"] != zone for nodes in _group(cloud, outputs)))

        def _all_kept() -> bool:
            try:
                fresh = _cluster(outputs, authority)
                return all(fresh.set(key, "zone", get=True) == "zone" for key in KEYS)
            except (valkey.exceptions.ValkeyError, OSError):
                return False

        eventually(_all_kept)
    finally:
        cloud.restore_zone(zone)
    eventually(lambda: _connected(outputs, authority) == 3)


def _connected(outputs: dict[str, str], authority: str) -> int:
    """How many primaries have their replica."""
    try:
        told = _cluster(outputs, authority).info("replication", target_nodes="primaries")
    except (valkey.exceptions.ValkeyError, OSError):
        return 0
    return sum(each["connected_slaves"] == 1 for each in told.values())
