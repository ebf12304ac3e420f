"""ElastiCache: replication groups say what their servers are, and change how many there are and which is the primary.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoFailover.html
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextvars import copy_context
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from cdp_constructs.local.containers import valkey
from cdp_constructs.local.kit import lost_zones, ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.ec2 import zones
from cdp_constructs.local.services.elasticache import subnets, users
from cdp_constructs.local.services.elasticache.shards import Shard, shards

_elasticache: Any = ministack.module(
    "services.elasticache",
    "_clusters",
    "_decrease_replica_count",
    "_increase_replica_count",
    "_p",
    "_record_event",
    "_replication_groups",
    "_rg_xml",
    "_xml",
)
_responses: Any = ministack.module("core.responses", "get_account_id", "get_region")

_Answer: TypeAlias = tuple[int, dict[str, str], bytes]
_Record: TypeAlias = dict[str, Any]
_BAD_REQUEST, _NOT_FOUND = 400, 404
_MOST_REPLICAS = 5


def _shards(group: _Record) -> Iterator[tuple[_Record, Shard]]:
    """Yield what is said of each node group, with its servers."""
    for nodes, container in zip(group["NodeGroups"], group.get("_docker_container_ids") or [], strict=False):
        if shard := shards.get(container):
            yield nodes, shard


def _describe(group: _Record) -> None:
    """Say where each node is, and which is the primary; a node keeps its name when another becomes the primary."""
    for nodes, shard in _shards(group):
        shard.describe(nodes["NodeGroupMembers"], lambda: group["AutomaticFailover"] == "enabled")
        nodes["PrimaryEndpoint"] = {"Address": shard.writing.address, "Port": valkey.PORT}
        nodes["ReaderEndpoint"] = {"Address": shard.reading.address, "Port": valkey.PORT}


def _names(group: _Record) -> list[str]:
    return [node["CacheClusterId"] for each in group["NodeGroups"] for node in each["NodeGroupMembers"]]


def _place(group: _Record, placed: Collection[str] = ()) -> None:
    """Spread the nodes of each shard over the zones of their subnet group, but for those that have a place."""
    place = _responses.get_account_id(), _responses.get_region()
    offered = zones.of_subnets(subnets.of_group(*place, group["CacheSubnetGroupName"]))
    for index, (nodes, _shard) in enumerate(_shards(group)):
        offered = [*offered[1:], *offered[:1]] if index else offered  # primaries are in different zones, too
        members = nodes["NodeGroupMembers"]
        used = [node["PreferredAvailabilityZone"] for node in members if node["CacheClusterId"] in placed]
        for node in members:
            if node["CacheClusterId"] in placed:
                continue
            node["PreferredAvailabilityZone"] = zone = lost_zones.least_used(offered, used) or offered[0]
            used.append(zone)
            if cluster := _elasticache._clusters.get(node["CacheClusterId"]):
                cluster["PreferredAvailabilityZone"] = zone


def _admit() -> None:
    """Let the servers have the users as they are now."""
    for group in _elasticache._replication_groups.values():
        for _nodes, shard in _shards(group):
            if group["UserGroupIds"]:
                shard.admit(users.rules(group["UserGroupIds"]))


users.listeners.append(_admit)


def _group(parameters: Mapping[str, Any]) -> _Record | None:
    found: _Record | None = _elasticache._replication_groups.get(_elasticache._p(parameters, "ReplicationGroupId"))
    return found


def _answer(name: str, group: _Record) -> _Answer:
    inner = f"<{name}Result><ReplicationGroup>{_elasticache._rg_xml(group)}</ReplicationGroup></{name}Result>"
    answer: _Answer = _elasticache._xml(200, f"{name}Response", inner)
    return answer


@patch("ministack.services.elasticache:_create_replication_group")
def _create(original: Callable[..., _Answer], parameters: Any) -> _Answer:
    """Start the replicas, and say where each of them is."""
    if refused := users.refusal(parameters):
        return refused
    answer = original(parameters)
    group = _group(parameters)
    if answer[0] < _BAD_REQUEST and group is not None:
        for _nodes, shard in _shards(group):
            if group["UserGroupIds"]:
                shard.admit(users.rules(group["UserGroupIds"]))
            shard.set_replicas(int(group["_replicas_per_node_group"]))
        _place(group)
        _describe(group)
    return answer


def _set_replicas(name: str, original: Callable[..., _Answer], parameters: Any, *, more: bool) -> _Answer:
    group = _group(parameters)
    if group is None or not any(True for _ in _shards(group)):
        return original(parameters)
    count, present = int(_elasticache._p(parameters, "NewReplicaCount") or "0"), int(group["_replicas_per_node_group"])
    if count > _MOST_REPLICAS or (count <= present if more else count >= present):
        message = f"NewReplicaCount is {count}; there are {present}, and {_MOST_REPLICAS} at most"
        return users.refused("InvalidParameterValue", message)
    if not count and group["AutomaticFailover"] == "enabled":
        message = "Automatic failover needs a replica in each node group"
        return users.refused("InvalidReplicationGroupState", message)
    placed = _names(group)
    if more:
        original(parameters)
        _place(group, placed)
    for _nodes, shard in _shards(group):
        shard.set_replicas(count)
    _describe(group)
    group["_replicas_per_node_group"] = count
    group["MemberClusters"] = _names(group)
    if not more:
        _elasticache._record_event(group["ReplicationGroupId"], "replication-group", "Replica count decreased")
    return _answer(name, group)


@patch("ministack.services.elasticache:_increase_replica_count")
def _increase(original: Callable[..., _Answer], parameters: Any) -> _Answer:
    return _set_replicas("IncreaseReplicaCount", original, parameters, more=True)


@patch("ministack.services.elasticache:_decrease_replica_count")
def _decrease(original: Callable[..., _Answer], parameters: Any) -> _Answer:
    return _set_replicas("DecreaseReplicaCount", original, parameters, more=False)


def _test_failover(parameters: Mapping[str, Any]) -> _Answer:
    """Fail over a node group, and record what AWS documents as the events of a test."""
    group, wanted = _group(parameters), _elasticache._p(parameters, "NodeGroupId")
    if group is None:
        name = _elasticache._p(parameters, "ReplicationGroupId")
        message = f"ReplicationGroup {name} not found."
        return users.refused("ReplicationGroupNotFoundFault", message, _NOT_FOUND)
    found = next(((nodes, shard) for nodes, shard in _shards(group) if nodes["NodeGroupId"] == wanted), None)
    if found is None:
        message = f"Node group {wanted} not found."
        return users.refused("NodeGroupNotFoundFault", message, _NOT_FOUND)
    nodes, shard = found
    if group["AutomaticFailover"] != "enabled" or not shard.has_replica():
        message = "Automatic failover must be enabled, with a replica that runs in the node group, to test it."
        return users.refused("InvalidReplicationGroupState", message)
    name, old = group["ReplicationGroupId"], _primary(nodes)
    _elasticache._record_event(name, "replication-group", f"Test Failover API called for node group {wanted}")
    shard.fail_over()
    message = f"Failover from primary node {old} to replica node {_primary(nodes)} completed"
    _elasticache._record_event(name, "replication-group", message)
    for node_message in (f"Recovering cache nodes {old}", f"Finished recovery for cache nodes {old}"):
        _elasticache._record_event(old, "cache-cluster", node_message)
    return _answer("TestFailover", group)


def _primary(nodes: _Record) -> str:
    return next(str(node["CacheClusterId"]) for node in nodes["NodeGroupMembers"] if node["CurrentRole"] == "primary")


_BLOCKING = {"IncreaseReplicaCount": "_increase_replica_count", "DecreaseReplicaCount": "_decrease_replica_count"}
"""What waits for servers, where other services must not wait for it."""


@patch("ministack.services.elasticache:handle_request")
async def _handle(
    original: Callable[..., Awaitable[_Answer]], method: str, path: str, headers: Any, body: bytes, query: Any
) -> _Answer:
    parameters = {**query, **(parse_qs(body.decode(errors="replace")) if method == "POST" and body else {})}
    action = _elasticache._p(parameters, "Action")
    if action == "TestFailover":
        return await asyncio.to_thread(copy_context().run, _test_failover, parameters)
    if action in _BLOCKING:
        return await asyncio.to_thread(copy_context().run, getattr(_elasticache, _BLOCKING[action]), parameters)
    return await original(method, path, headers, body, query)
