"""ElastiCache: Valkey servers behind groups and serverless caches, and what becomes of them when they die."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import valkey
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


def test_a_group_without_encryption_is_plain(outputs: dict[str, str]) -> None:
    plain = valkey.Valkey(outputs["Plain"], decode_responses=True)
    assert plain.set("a", "1")
    assert plain.get("a") == "1"


def test_a_serverless_cache_is_a_cluster_over_tls(outputs: dict[str, str], authority: str) -> None:
    cache = ValkeyCluster(outputs["Serverless"], 6379, ssl=True, ssl_ca_certs=authority, decode_responses=True)
    assert cache.set("room", "7")
    assert cache.get("room") == "7"
    assert [node.host for node in cache.get_nodes()] == [outputs["Serverless"]]
