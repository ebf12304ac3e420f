"""Takes an Availability Zone away: what runs in its subnets dies, and nothing starts there until it is restored.

`POST /_cdp/zones/lose` and `POST /_cdp/zones/restore` take a `zone` such as `eu-west-1a`, `GET /_cdp/zones` lists those
that are lost. Tasks, database instances and cache nodes of the zone are killed; their services replace them in other
zones or fail over, as after a crash. What has no other zone waits until its own is back.
"""

import signal
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import lost_zones, ministack
from cdp_constructs.local.kit.admin import AdminError, route
from cdp_constructs.local.services.ecs import engine, placement
from cdp_constructs.local.services.ecs.records import service_key
from cdp_constructs.local.services.elasticache.shards import shards
from cdp_constructs.local.services.rds import servers, standbys

_ecs: Any = ministack.module(
    "services.ecs", "_cluster_name_from_arn", "_reconcile_service_tasks", "_stop_task", "_tasks"
)
_rds: Any = ministack.module("services.rds", "_instances")
_responses: Any = ministack.module("core.responses", "request_scope")

_LETTER = -1
"""A zone is its Region and a letter."""


@route("POST", "zones/lose")
def _lose(request: Mapping[str, Any]) -> Mapping[str, Any]:
    zone = str(request["zone"])
    if not zone[_LETTER:].isalpha() or not zone[:_LETTER][-1:].isdigit():
        raise AdminError(f"{zone} is no Availability Zone; give a Region and a letter, for example eu-west-1a")
    lost_zones.LOST.add(zone)
    return {"zone": zone, "tasks": _end_tasks(zone), "databases": _end_databases(zone), "cacheNodes": _end_caches(zone)}


@route("POST", "zones/restore")
def _restore(request: Mapping[str, Any]) -> Mapping[str, Any]:
    lost_zones.LOST.discard(str(request["zone"]))
    for cluster, key, _service in placement.services():
        _ecs._reconcile_service_tasks(cluster, key)
    return _list({})


@route("GET", "zones")
def _list(_request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"lost": sorted(lost_zones.LOST)}


def _end_tasks(zone: str) -> int:
    ended = 0
    for (account, region, arn), task in list(_ecs._tasks.all_items()):
        if task["availabilityZone"] != zone or task["lastStatus"] == "STOPPED":
            continue
        ended += 1
        containers = engine.running(arn)
        for each in containers:
            each.container.send_signal(signal.SIGKILL)
        if not containers and task["desiredStatus"] == "RUNNING":  # described only, or it has not started yet
            cluster = _ecs._cluster_name_from_arn(task["clusterArn"])
            with _responses.request_scope(account, region):
                _ecs._stop_task({"task": arn, "cluster": cluster, "reason": f"The Availability Zone {zone} was lost"})
                if service := service_key(task):
                    _ecs._reconcile_service_tasks(cluster, service)
    return ended


def _end_databases(zone: str) -> int:
    instances = list(_rds._instances.all_values())
    ids = {each.get("_docker_container_id") for each in instances if each.get("AvailabilityZone") == zone}
    standing_by = [each for each in instances if each.get("SecondaryAvailabilityZone") == zone]
    ids |= {standby.id for each in standing_by if (standby := standbys.standby_of(each))}
    ending = [each for each in servers.engine.all() if each.id in ids and each.status == "running"]
    for each in ending:
        each.container.send_signal(signal.SIGKILL)
    return len(ending)


def _end_caches(zone: str) -> int:
    return sum(shard.lose(zone) for shard in list(shards.values()))
