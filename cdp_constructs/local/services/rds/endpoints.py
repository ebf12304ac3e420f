"""RDS: endpoints of clusters, which stay while their instances change places."""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.containers.relay import Relay
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.ec2 import parties
from cdp_constructs.local.services.ec2.firewall import Party

__all__ = ["addresses_of", "close", "relay_to", "reserve"]

_rds: Any = ministack.module(
    "services.rds", "_cluster_member_instances", "_clusters", "_instances", "_subnet_groups", "_sync_cluster_endpoints"
)

_PORT = 5432
_relays: dict[str, tuple[Relay, Relay]] = {}
"""By the ARN of the cluster: where writers are reached, and where readers are."""


_outward: dict[str, Relay] = {}
"""By the address of a server: where its clients connect, if their security groups let them."""


def _party(kind: str, record: Mapping[str, Any]) -> Party:
    group = record.get("DBSubnetGroup") or {}
    name = group.get("DBSubnetGroupName") if isinstance(group, Mapping) else group
    subnets: list[dict[str, Any]] = next(
        (each["Subnets"] for each in _rds._subnet_groups.all_values() if each["DBSubnetGroupName"] == name), []
    )
    groups = tuple(each["VpcSecurityGroupId"] for each in record.get("VpcSecurityGroups") or [])
    return Party(
        f"{kind} {record.get(f'DB{kind.title()}Identifier')}",
        groups,
        parties.blocks_of(each["SubnetIdentifier"] for each in subnets),
    )


def _owner(labels: Mapping[str, str]) -> Party:
    """Return whose server it is, by its labels: a cluster's, as its members have no security groups of their own."""
    scope = labels.get("account_id", ""), labels.get("region", "")
    instance = _rds._instances.get_scoped(*scope, labels.get("db_id", "")) or {}
    cluster = _rds._clusters.get_scoped(*scope, labels.get("cluster_id") or instance.get("DBClusterIdentifier") or "")
    return _party("cluster", cluster) if cluster else _party("instance", instance)


def relay_to(address: str, labels: Mapping[str, str]) -> Relay:
    """Return what clients of a server connect to.

    Args:
        address: Where it listens itself.
        labels: Its labels, which name the instance or cluster that it belongs to.
    """
    relay = _outward[address] = Relay(_PORT, admits=parties.admission(lambda: _owner(labels), _PORT))
    relay.lead_to([(address, _PORT)])
    return relay


@patch("ministack.services.rds:_reported_endpoint")
def _reported(original: Callable[..., Any], address: str, *ports: Any) -> Any:
    relay = _outward.get(address)
    return original(relay.address if relay else address, *ports)


def close(address: str) -> None:
    """Let nobody connect to a server any more."""
    if relay := _outward.pop(address, None):
        relay.close()


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
        admits = parties.admission(lambda: _party("cluster", cluster), _PORT)
        _relays[arn] = Relay(_PORT, admits=admits), Relay(_PORT, admits=admits)
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
