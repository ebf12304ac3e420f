"""AWS/ElastiCache: what the servers of caches say of themselves.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html
"""

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from cdp_constructs.local.containers import valkey
from cdp_constructs.local.containers.docker import DockerContainer
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.metrics import emit, gauge
from cdp_constructs.local.kit.once import once
from cdp_constructs.local.services.elasticache.shards import shards

_elasticache: Any = ministack.module("services.elasticache", "_replication_groups")
_responses: Any = ministack.module("core.responses", "request_scope")

_NAMESPACE = "AWS/ElastiCache"
_NODE = "0001"
_LOOK_EVERY = 2.0
_COUNTED = {"Evictions": "evicted_keys", "CacheHits": "keyspace_hits", "CacheMisses": "keyspace_misses"}
_said: dict[str, tuple[float, Mapping[str, str]]] = {}
"""By the container of a server: when it was asked, and what it said."""
_before: dict[str, tuple[float, Mapping[str, str]]] = {}
"""What it had said when it was counted last."""


@once
def _watch() -> None:
    """Begin to ask the servers; a server that does not answer must not hold up those who read the gauges."""
    threading.Thread(target=_ask_always, name="elasticache-metrics", daemon=True).start()


def _ask_always() -> None:
    while True:
        known = [(shard, member) for shard in list(shards.values()) for member in list(shard.members)]
        for shard, member in known:
            try:
                said = valkey.information(member.container.spec.address, shard.password)
            except (OSError, ValueError):
                continue
            _said[member.id] = time.monotonic(), said
        for gone in _said.keys() - {member.id for _, member in known}:
            del _said[gone]
        time.sleep(_LOOK_EVERY)


def _nodes() -> Iterator[tuple[tuple[str, str], str, DockerContainer]]:
    """Yield scope and name of each node of a replication group, with its server."""
    for (account, region, _name), group in _elasticache._replication_groups.all_items():
        for container in group.get("_docker_container_ids") or []:
            shard = shards.get(container)
            for member in list(shard.members) if shard else []:
                if node := shard.node(member) if shard else None:
                    yield (account, region), node["CacheClusterId"], member


@gauge
def _measure() -> None:
    if shards:
        _watch()
    for scope, name, member in _nodes():
        said = _said.get(member.id)
        if said is not None and member.status == "running":
            with _responses.request_scope(*scope):
                _emit(name, member.id, said)
    for gone in _before.keys() - _said.keys():
        _before.pop(gone, None)


def _emit(name: str, server: str, now: tuple[float, Mapping[str, str]]) -> None:
    (at, said), before = now, _before.get(server)
    _before[server] = now
    for dimensions in ({"CacheClusterId": name}, {"CacheClusterId": name, "CacheNodeId": _NODE}):
        # This cloud's own question is a connection, too.
        emit(_NAMESPACE, "CurrConnections", dimensions, max(0, int(said["connected_clients"]) - 1))
        emit(_NAMESPACE, "BytesUsedForCache", dimensions, int(said["used_memory"]), unit="Bytes")
        if said.get("role") == "slave":
            lag = int(said.get("master_last_io_seconds_ago", "0"))
            emit(_NAMESPACE, "ReplicationLag", dimensions, max(0, lag), unit="Seconds")
        if before is None or at <= before[0]:
            continue
        for metric, field in _COUNTED.items():
            emit(_NAMESPACE, metric, dimensions, max(0, int(said[field]) - int(before[1][field])))
        used = sum(float(said[each]) - float(before[1][each]) for each in ("used_cpu_sys", "used_cpu_user"))
        share = min(100.0, max(0.0, 100 * used / (at - before[0])))
        emit(_NAMESPACE, "EngineCPUUtilization", dimensions, share, unit="Percent")
