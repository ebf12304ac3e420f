"""ElastiCache: what TLS of caches is ended with, and whom their security groups protect."""

import ssl
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.tls import ending
from cdp_constructs.local.services.ec2 import parties
from cdp_constructs.local.services.ec2.firewall import Party
from cdp_constructs.local.services.elasticache import subnets

__all__ = ["party", "tls"]

_elasticache: Any = ministack.module(
    "services.elasticache",
    "_clusters",
    "_ensure_serverless_ca",
    "_replication_groups",
    "_serverless_caches",
)
_x509: Any = ministack.module("core.x509_utils", "sign_leaf_certificate")

_OWNERS = {"_replication_groups": "rg_id", "_clusters": "cluster_id", "_serverless_caches": "serverless_cache"}
"""Where MiniStack keeps what a server belongs to, and the label that names it."""


def tls(address: str) -> ssl.SSLContext:
    """Return what TLS is ended with at an address."""
    authority, key = _elasticache._ensure_serverless_ca()
    certificate, own_key, _public = _x509.sign_leaf_certificate(
        authority, key, common_name=address, san_dns=["localhost"], san_ips=[address]
    )
    return ending(certificate + own_key)


def _subnets(record: Mapping[str, Any], account: str, region: str) -> list[str]:
    if "SubnetIds" in record:  # of a serverless cache
        return list(record["SubnetIds"] or [])
    return subnets.of_group(account, region, str(record.get("CacheSubnetGroupName")))


def party(labels: Mapping[str, str]) -> Party:
    """Return the group, cluster or serverless cache that labels name, as an end of connections."""
    scope = labels.get("account_id", ""), labels.get("region", "")
    for records, label in _OWNERS.items():
        if record := getattr(_elasticache, records).get_scoped(*scope, labels.get(label, "")):
            ids = record.get("SecurityGroupIds") or [
                each["SecurityGroupId"] for each in record.get("SecurityGroups") or []
            ]
            return Party(f"cache {labels[label]}", tuple(ids), parties.blocks_of(_subnets(record, *scope)))
    return Party("a cache")
