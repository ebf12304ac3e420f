"""ElastiCache: caches of the API and of templates are Valkey servers."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from cdp_constructs.local.containers import valkey
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import AdminError, route
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.elasticache import recovery, users
from cdp_constructs.local.services.elasticache.shards import Shard, shards

_elasticache: Any = ministack.module("services.elasticache", "_serverless_caches")

_ENGINES = frozenset({"redis", "valkey"})
_Spawned: TypeAlias = tuple[str, int, str | None]


@patch("ministack.services.elasticache:_image_is_local")
def _is_local(_original: Any, _docker: Any, _image: str) -> bool:
    return True


@patch("ministack.services.elasticache:_spawn_redis_container")
def _spawn(
    original: Callable[..., _Spawned],
    name: str,
    engine: str,
    engine_version: str,
    labels: Mapping[str, str],
    *,
    transit: bool = False,
    auth_token: str | None = None,
) -> _Spawned:
    if engine not in _ENGINES or valkey.program() is None:
        return original(name, engine, engine_version, labels, transit=transit, auth_token=auth_token)
    recovery.watch()
    shard = Shard(name, labels, transit=transit, password=auth_token)
    return shard.writing.address, valkey.PORT, shard.members[0].id


@patch("ministack.services.elasticache:_spawn_serverless_container")
def _spawn_serverless(
    _original: Any, *, name: str, engine: str, labels: Mapping[str, str], **_options: Any
) -> _Spawned:
    if engine not in _ENGINES or valkey.program() is None:
        raise RuntimeError(f"no server of {engine} runs here; {valkey.MISSING}")
    recovery.watch()
    shard = Shard(name, labels, transit=True, password=None, cluster=True)
    cache = _elasticache._serverless_caches.get_scoped(
        labels["account_id"], labels["region"], labels["serverless_cache"]
    )
    if group := (cache or {}).get("UserGroupId"):
        shard.admit(users.rules([group]))
    return shard.writing.address, valkey.PORT, shard.members[0].id


def _admit() -> None:
    """Let the servers of serverless caches have the users as they are now."""
    for cache in _elasticache._serverless_caches.values():
        if (shard := shards.get(str(cache["_docker_container_id"]))) and cache["UserGroupId"]:
            shard.admit(users.rules([cache["UserGroupId"]]))


users.listeners.append(_admit)


@patch("ministack.services.elasticache:_modify_serverless_cache")
def _modify_serverless(original: Callable[[Any], Any], parameters: Any) -> Any:
    answer = original(parameters)
    _admit()
    return answer


@patch("ministack.services.elasticache:_get_docker")
def _get_engine(_original: Any) -> Any:
    return _Engine if valkey.program() is not None else None


class _Server:
    """What MiniStack removes when a cache is deleted: the whole shard."""

    def __init__(self, first: str) -> None:
        self._first = first

    def stop(self, **_options: Any) -> None:
        """Do nothing: it is removed next."""

    def remove(self, **_options: Any) -> None:
        """Remove the shard."""
        if shard := shards.pop(self._first, None):
            shard.end()


class _Containers:
    @staticmethod
    def get(reference: str) -> _Server:
        if reference not in shards:
            raise LookupError(reference)
        return _Server(reference)

    @staticmethod
    def list(**_options: Any) -> "list[_Server]":
        return [_Server(first) for first in list(shards)]


class _Engine:
    containers = _Containers


@route("POST", "caches/kill")
def _kill(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Kill the server that answers at the primary address of a cache, as a crash does."""
    address = request["address"]
    shard = next((each for each in shards.values() if each.writing.address == address), None)
    if shard is None:
        raise AdminError(f"no cache has the primary address {address}")
    shard.kill()
    return {}
