"""RDS: endpoints of instances and clusters, which stay while the servers behind them change."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from cdp_constructs.local.containers.relay import Connection, Relay
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.ec2 import parties
from cdp_constructs.local.services.ec2.firewall import Party
from cdp_constructs.local.services.rds import subnets
from cdp_constructs.local.services.rds.actions import Answer, Handler, Parameters, action

__all__ = [
    "PORT",
    "addresses_of",
    "close_unused",
    "conversations",
    "instance_arn",
    "lead",
    "lead_to",
    "listeners",
    "party_of",
    "reserve",
    "reserve_instance",
    "reserved",
    "servers_of",
    "writer_of",
]

_rds: Any = ministack.module(
    "services.rds", "_cluster_member_instances", "_clusters", "_instances", "_sync_cluster_endpoints"
)

PORT = 5432
_clusters: dict[str, tuple[Relay, Relay]] = {}
"""By the ARN of the cluster: where writers are reached, and where readers are."""
_instances: dict[str, Relay] = {}
"""By the ARN of the instance."""
_creating: list[str] = []
"""The ARNs of instances that have an address and are not there yet."""


def _party(kind: str, record: Mapping[str, Any], account: str, region: str) -> Party:
    group = record.get("DBSubnetGroup") or {}
    name = group.get("DBSubnetGroupName") if isinstance(group, Mapping) else group
    groups = tuple(each["VpcSecurityGroupId"] for each in record.get("VpcSecurityGroups") or [])
    return Party(
        f"{kind} {record.get(f'DB{kind.title()}Identifier')}",
        groups,
        parties.blocks_of(subnets.of_group(account, region, str(name))),
    )


def party_of(labels: Mapping[str, str]) -> Party:
    """Return whose server it is, by its labels: a cluster's, as its members have no security groups of their own."""
    scope = labels.get("account_id", ""), labels.get("region", "")
    instance = _rds._instances.get_scoped(*scope, labels.get("db_id", "")) or {}
    cluster = _rds._clusters.get_scoped(*scope, labels.get("cluster_id") or instance.get("DBClusterIdentifier") or "")
    return _party("cluster", cluster, *scope) if cluster else _party("instance", instance, *scope)


listeners: list[Callable[[], None]] = []
"""What is called when a server has taken the place of another one."""


def _tell() -> None:
    for listener in listeners:
        listener()


def servers_of(cluster: dict[str, Any]) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Return where the writer listens, and where the readers do; a cluster without readers reads from its writer."""
    writer = cluster.get("_shared_internal_address")
    writers = [(str(writer), PORT)] if writer else []
    readers = [
        (str(member["_internal_address"]), PORT)
        for member in _rds._cluster_member_instances(cluster)
        if member.get("_pg_standby") and member.get("DBInstanceStatus") == "available"
    ]
    return writers, readers or writers


async def _pass_on(_arn: str, connection: Connection) -> None:
    await connection.pass_on()


conversations: list[Callable[[str, Connection], Awaitable[None]]] = [_pass_on]
"""The last one passes on the connections to an instance or a cluster, which is named by its ARN."""


def _relay(arn: str) -> Relay:
    region, account, kind, name = arn.split(":")[3:7]
    labels = {"account_id": account, "region": region, {"db": "db_id"}.get(kind, "cluster_id"): name}
    admits = parties.admission(partial(party_of, labels), PORT)
    return Relay(PORT, admits=admits, converse=lambda connection: conversations[-1](arn, connection))


def reserve(cluster: dict[str, Any]) -> None:
    """Give a cluster its addresses; nothing answers before it has an instance."""
    arn = cluster["DBClusterArn"]
    if arn not in _clusters:
        _clusters[arn] = _relay(arn), _relay(arn)
    cluster["Endpoint"], cluster["ReaderEndpoint"] = (relay.address for relay in _clusters[arn])
    cluster["Port"] = PORT


def reserve_instance(arn: str) -> str:
    """Return the address of an instance, by its ARN, at which clients will reach it."""
    if arn not in _instances:
        _instances[arn] = _relay(arn)
    return _instances[arn].address


def lead_to(arn: str, server: str) -> str:
    """Let clients of an instance, by its ARN, reach this server, and return the address at which they do."""
    address = reserve_instance(arn)
    _instances[arn].lead_to([(server, PORT)])
    _tell()
    return address


def lead(instance: dict[str, Any]) -> None:
    """Let clients of an instance reach the server that it has now."""
    address = lead_to(instance["DBInstanceArn"], str(instance["_internal_address"]))
    instance["Endpoint"] = {**(instance.get("Endpoint") or {}), "Address": address, "Port": PORT}


def instance_arn(labels: Mapping[str, str], name: str) -> str:
    """Return the ARN of an instance of the account and the Region that a container is labelled with."""
    return f"arn:aws:rds:{labels.get('region')}:{labels.get('account_id')}:db:{name}"


def addresses_of(labels: Mapping[str, str]) -> list[str]:
    """Return the addresses at which clients reach a server, by the labels of its container."""
    found: list[str] = []
    scope = labels.get("account_id", ""), labels.get("region", "")
    if cluster := _rds._clusters.get_scoped(*scope, labels.get("cluster_id", "")):
        reserve(cluster)
        found += [relay.address for relay in _clusters[cluster["DBClusterArn"]]]
    if instance := labels.get("db_id"):
        found.append(reserve_instance(instance_arn(labels, instance)))
    return found


def writer_of(labels: Mapping[str, str]) -> str:
    """Return the address of the writer of the cluster that a container is labelled with."""
    cluster = _rds._clusters.get_scoped(labels["account_id"], labels["region"], labels["cluster_id"])
    reserve(cluster)
    return str(cluster["Endpoint"])


def close_unused() -> None:
    """Close the addresses of what was deleted."""
    clusters: Iterable[str] = {cluster["DBClusterArn"] for cluster in _rds._clusters.all_values()}
    for arn in _clusters.keys() - set(clusters):
        for relay in _clusters.pop(arn):
            relay.close()
    for arn in _instances.keys() - {each["DBInstanceArn"] for each in _rds._instances.all_values()} - set(_creating):
        _instances.pop(arn).close()


@contextmanager
def reserved(arn: str) -> Iterator[str]:
    """Keep the address of an instance that is being created."""
    _creating.append(arn)
    try:
        yield reserve_instance(arn)
    finally:
        _creating.remove(arn)


@patch("ministack.services.rds:_sync_cluster_endpoints")
def _lead(original: Callable[[dict[str, Any]], None], cluster: dict[str, Any]) -> None:
    original(cluster)
    if not cluster.get("_shared_internal_address"):
        return
    reserve(cluster)
    for relay, servers in zip(_clusters[cluster["DBClusterArn"]], servers_of(cluster), strict=True):
        relay.lead_to(servers)
    for member in _rds._cluster_member_instances(cluster):
        if member.get("_internal_address"):
            lead(member)
    _tell()


@action("DeleteDBCluster")
def _delete_cluster(original: Handler, parameters: Parameters) -> Answer:
    answer = original(parameters)
    close_unused()
    return answer


@action("DeleteDBInstance")
def _delete_instance(original: Handler, parameters: Parameters) -> Answer:
    answer = original(parameters)
    close_unused()
    return answer


@patch("ministack.services.rds:_reclone_old_pg_writer")
def _lead_first(original: Callable[..., bool], cluster: dict[str, Any], instance: Any, old: Any) -> bool:
    """Let clients reach the new writer before the old one has become a reader."""
    _rds._sync_cluster_endpoints(cluster)
    return original(cluster, instance, old)
