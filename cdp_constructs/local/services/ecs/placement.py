"""ECS: tasks are spread over the Availability Zones of their subnets, those that a drill took away left out.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement-strategies.html
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import lost_zones, ministack
from cdp_constructs.local.kit.patch import patch, patch_each
from cdp_constructs.local.services.ec2 import zones
from cdp_constructs.local.services.ecs.records import definition_of

__all__ = ["services"]

_ecs: Any = ministack.module("services.ecs", "_iso", "_resolve_cluster_name", "_services", "_tasks")
_responses: Any = ministack.module("core.responses", "json_response", "request_scope")

_ERROR = 400
_PLACED_SECONDS = 5.0
_POLL_SECONDS = 0.002
_NO_CAPACITY = "Capacity is unavailable at this time. Please try again later or in a different availability zone"


def services() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield cluster, key and record of every service, in the scope of its account and Region."""
    for (account, region, key), service in list(_ecs._services.all_items()):
        with _responses.request_scope(account, region):
            yield key.partition("/")[0], key, service


def _network(data: Mapping[str, Any]) -> Mapping[str, Any]:
    network = data.get("networkConfiguration")
    configured = network.get("awsvpcConfiguration") if isinstance(network, Mapping) else None
    return configured if isinstance(configured, Mapping) else {}


def _zones_of_same(data: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the zone of each task of the same group."""
    return [
        task["availabilityZone"]
        for task in tasks
        if (task["desiredStatus"], task["group"]) == ("RUNNING", data["group"])
    ]


def _note(data: Mapping[str, Any]) -> None:
    """Tell the events of the service that a task was not placed."""
    cluster = _ecs._resolve_cluster_name(data.get("cluster", "default"))
    service = _ecs._services.get(f"{cluster}/{str(data.get('group', '')).partition(':')[2]}")
    if service is not None:
        message = f"(service {service['serviceName']}) was unable to place a task. Reason: {_NO_CAPACITY}."
        event = {"id": f"{service['serviceArn']}-placement", "createdAt": _ecs._iso(), "message": message}
        service["events"] = [event, *(each for each in service["events"] if each["id"] != event["id"])]


@patch("ministack.services.ecs:_run_task_worker")
def _when_placed(original: Callable[..., None], task: Mapping[str, Any], *others: Any) -> None:
    """Start the containers of a task when its zone and security groups are known."""
    deadline = time.monotonic() + _PLACED_SECONDS
    while "_security_groups" not in task and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    original(task, *others)


@patch_each("ministack.services.ecs:_run_task", "ministack.services.ecs:_ACTION_MAP[RunTask]")
def _spread(original: Callable[[Any], Any], data: Mapping[str, Any]) -> Any:
    tasks: list[Any] = []
    failures: list[Any] = []
    family = definition_of({"taskDefinitionArn": data.get("taskDefinition", "")}).get("family", "")
    data = {**data, "group": data.get("group") or f"family:{family}"}
    configured = _network(data)
    subnets = {zones.of_subnet(subnet): subnet for subnet in reversed(configured.get("subnets") or [])}
    used = _zones_of_same(data, list(_ecs._tasks.values()))
    for _ in range(int(data.get("count") or 1)):
        zone = lost_zones.least_used(sorted(subnets) or zones.of_region(), used)
        if zone is None:
            failures.append({"arn": data.get("taskDefinition", ""), "reason": _NO_CAPACITY})
            _note(data)
            continue
        placed = {**data, "count": 1}
        if subnets:
            placed["networkConfiguration"] = {"awsvpcConfiguration": {**configured, "subnets": [subnets[zone]]}}
        answer = original(placed)
        if answer[0] >= _ERROR:
            return answer
        for task in json.loads(answer[2])["tasks"]:
            record = _ecs._tasks[task["taskArn"]]
            record["availabilityZone"] = task["availabilityZone"] = zone
            record["_security_groups"] = list(configured.get("securityGroups") or [])
            used += _zones_of_same(data, [record])
            tasks.append(task)
    return _responses.json_response({"tasks": tasks, "failures": failures})
