"""RDS: endpoints of clusters, which stay while their instances change places."""

from collections.abc import Callable
from typing import Any

from cdp_constructs.local.containers.relay import Relay
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

__all__ = ["addresses_of", "reserve"]

_rds: Any = ministack.module("services.rds", "_cluster_member_instances", "_clusters", "_sync_cluster_endpoints")

_PORT = 5432
_relays: dict[str, tuple[Relay, Relay]] = {}
"""By the ARN of the cluster: where writers are reached, and where readers are."""


def _addresses(cluster: dict[str, Any]) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Return where the writer listens, and where the readers do; a cluster without readers reads from its writer."""
    writer = cluster.get("_shared_internal_address")
    writers = [(str(writer), _PORT)] if writer else []
    readers = [
        (str(member["_internal_address"]), _PORT)
        for member in _rds._cluster_member_instances(cluster)
        if member.get("_pg_standby") and member.get("DBInstanceStatus") == "available"
    ]
    return writers, readers or writers


def reserve(cluster: dict[str, Any]) -> None:
    """Give a cluster its addresses; nothing answers before it has an instance."""
    arn = cluster["DBClusterArn"]
    if arn not in _relays:
        _relays[arn] = Relay(_PORT), Relay(_PORT)
    cluster["Endpoint"], cluster["ReaderEndpoint"] = (relay.address for relay in _relays[arn])
    cluster["Port"] = _PORT


def addresses_of(cluster: str) -> list[str]:
    """Return the addresses of a cluster, by its ARN, which the certificates of its servers are for."""
    return [relay.address for relay in _relays.get(cluster, ())]


@patch("ministack.services.rds:_sync_cluster_endpoints")
def _lead(original: Callable[[dict[str, Any]], None], cluster: dict[str, Any]) -> None:
    original(cluster)
    if not cluster.get("_shared_internal_address"):
        return
    reserve(cluster)
    for relay, servers in zip(_relays[cluster["DBClusterArn"]], _addresses(cluster), strict=True):
        relay.lead_to(servers)


@patch("ministack.services.rds:_delete_db_cluster")
def _close(original: Callable[..., Any], parameters: Any) -> Any:
    answer = original(parameters)
    living = {cluster["DBClusterArn"] for cluster in _rds._clusters.all_values()}
    for arn in _relays.keys() - living:
        for relay in _relays.pop(arn):
            relay.close()
    return answer


@patch("ministack.services.rds:_reclone_old_pg_writer")
def _lead_first(original: Callable[..., bool], cluster: dict[str, Any], instance: Any, old: Any) -> bool:
    """Let clients reach the new writer before the old one has become a reader."""
    _rds._sync_cluster_endpoints(cluster)
    return original(cluster, instance, old)
