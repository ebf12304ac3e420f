"""ECS: a service of a template is there when it is steady, and a task is replaced when a health check fails.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-load-balancing.html
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType
from cdp_constructs.local.services.ecs import dependencies
from cdp_constructs.local.services.ecs.records import definition_of
from cdp_constructs.local.services.elbv2 import health

__all__ = ["FAILURES", "RESOURCE_TYPES", "targets"]

_ecs: Any = ministack.module(
    "services.ecs",
    "_ECS_DEPLOYMENT_STEADY_DELAY",
    "_complete_service_deployment",
    "_deployment_for_task",
    "_reconcile_service_tasks",
    "_record_service_task_failure",
    "_record_service_task_healthy",
    "_refresh_service_state",
    "_services",
    "_stop_task",
    "_task_ip",
    "_tasks",
)
_concurrency: Any = ministack.module("core.concurrency", "spawn_background")
_responses: Any = ministack.module("core.responses", "request_scope")

_NAME = "AWS::ECS::Service"
_UNHEALTHY = "Task failed"
FAILURES = frozenset({"EssentialContainerExited", "TaskFailedToStart"})
"""Codes of tasks that have failed by themselves."""
RESOURCE_TYPES: tuple[ResourceType, ...] = (ResourceType(name=_NAME, blocking=True),)

_POLL_SECONDS = 0.1
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 30.0
_failures: dict[str, int] = {}
"""How many tasks of a service have failed since one was healthy."""
_STEADY_SECONDS = 180
"""AWS waits for three hours; nobody would wait so long here."""


def targets(service: Mapping[str, Any], task: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Yield the target groups of a service, with the address and the port by which a task is in them."""
    for balancer in service.get("loadBalancers") or []:
        if balancer.get("targetGroupArn"):
            yield balancer["targetGroupArn"], str(_ecs._task_ip(task)), int(balancer.get("containerPort") or 80)


def _is_healthy(service: Mapping[str, Any], task: Mapping[str, Any]) -> bool:
    return dependencies.is_healthy(task, definition_of(task)) and all(
        health.state(*target) == "healthy" for target in targets(service, task)
    )


def _failed_check(service: Mapping[str, Any], task: Mapping[str, Any]) -> str:
    """Return why the scheduler replaces a task, or nothing."""
    if any(container.get("healthStatus") == "UNHEALTHY" for container in task.get("containers", [])):
        return f"{_UNHEALTHY} container health checks"
    groups = [target[0] for target in targets(service, task) if health.state(*target) == "unhealthy"]
    return f"{_UNHEALTHY} ELB health checks in (target-group {groups[0]})" if groups else ""


@patch("ministack.services.ecs:_make_deployment")
def _in_progress(original: Callable[..., dict[str, Any]], definition: str, count: int, *others: Any) -> dict[str, Any]:
    """A deployment, the first one too, is complete when its tasks are there."""
    deployment = original(definition, count, *others)
    if count:
        deployment["rolloutState"] = "IN_PROGRESS"
        deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} in progress."
    return deployment


@patch("ministack.services.ecs:_record_service_task_failure")
def _after_a_pause(original: Callable[..., None], task: dict[str, Any], *others: Any, **options: Any) -> None:
    """Start tasks that fail again and again less and less often, as Amazon ECS does."""
    key = f"{task.get('clusterArn')}/{task.get('group')}"
    failures = _failures[key] = _failures.get(key, 0) + 1
    time.sleep(min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (failures - 1)) if failures > 1 else 0)
    original(task, *others, **options)


@patch("ministack.services.ecs:_record_service_task_healthy")
def _without_pause(original: Callable[..., None], key: str, task: dict[str, Any]) -> None:
    _failures.pop(f"{task.get('clusterArn')}/{task.get('group')}", None)
    original(key, task)


@patch("ministack.services.ecs:_schedule_service_deployment_completion")
def _follow(
    original: Callable[..., None],
    cluster: str,
    key: str,
    account: str,
    region: str,
    healthy_task: dict[str, Any] | None = None,
) -> None:
    if healthy_task is None:
        original(cluster, key, account, region)
    else:
        _concurrency.spawn_background(
            _watch, cluster, key, account, region, healthy_task, thread_name=f"ecs-service-{key[-8:]}"
        )


def _watch(cluster: str, key: str, account: str, region: str, task: dict[str, Any]) -> None:
    """Count a task as started when its checks pass, and replace it when one fails, for as long as it runs."""
    started = time.monotonic()
    time.sleep(_ecs._ECS_DEPLOYMENT_STEADY_DELAY)
    with _responses.request_scope(account, region):
        counted = False
        while task.get("lastStatus") == "RUNNING" and (service := _ecs._services.get(key)):
            grace = float(service.get("healthCheckGracePeriodSeconds") or 0)
            reason = _failed_check(service, task) if time.monotonic() - started > grace else ""
            if reason:
                _replace(cluster, key, task, reason)
                return
            if not counted and _is_healthy(service, task):
                counted = True
                _ecs._record_service_task_healthy(key, task)
                _ecs._refresh_service_state(cluster, task["group"])
                _ecs._reconcile_service_tasks(cluster, key)
                deployment = _ecs._deployment_for_task(service, task)
                if deployment:
                    _ecs._complete_service_deployment(cluster, key, expected_deployment_id=deployment["id"])
            time.sleep(_POLL_SECONDS)


def _replace(cluster: str, key: str, task: dict[str, Any], reason: str) -> None:
    never_passed = not task.get("_startup_stable", False)
    _ecs._stop_task({"task": task["taskArn"], "cluster": cluster, "reason": reason})
    if never_passed:  # that is what the circuit breaker counts
        _ecs._record_service_task_failure(task)
    _ecs._reconcile_service_tasks(cluster, key)


@after(_NAME)
def _wait_until_steady(service_arn: str, properties: Properties, _attributes: Attributes) -> None:
    cluster, name = service_arn.split("/")[-2:]
    cluster = cluster.rpartition("/")[2]
    service = _ecs._services[f"{cluster}/{name}"]
    if "HealthCheckGracePeriodSeconds" in properties:
        service["healthCheckGracePeriodSeconds"] = int(properties["HealthCheckGracePeriodSeconds"])
    deadline = time.monotonic() + _STEADY_SECONDS
    deployment = service["deployments"][0]
    while deployment.get("rolloutState") == "IN_PROGRESS" and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    if deployment.get("rolloutState") != "COMPLETED":
        while _is_rolling_back(service, deployment) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        raise ValueError(
            f"the service {name} did not become steady ({deployment.get('rolloutStateReason') or 'it took too long'}); "
            f"its last task: {_last_reason(deployment) or 'none was started'}"
        )


def _is_rolling_back(service: Mapping[str, Any], failed: Mapping[str, Any]) -> bool:
    """Whether the circuit breaker still brings the former deployment back; the next update counts on that one."""
    others = (each for each in service["deployments"] if each is not failed and each["status"] == "PRIMARY")
    return any(each["rolloutState"] == "IN_PROGRESS" for each in others)


def _last_reason(deployment: Mapping[str, Any]) -> str:
    tasks = (task for task in _ecs._tasks.values() if task.get("_deployment_id") == deployment["id"])
    stopped = [task for task in tasks if task.get("stoppedReason")]
    # What the end of a deployment stops says nothing of why it ended.
    failed = [task for task in stopped if task["stopCode"] in FAILURES or task["stoppedReason"].startswith(_UNHEALTHY)]
    newest = max(failed or stopped, key=lambda task: str(task.get("stoppingAt")), default=None)
    if newest is None:
        return ""
    codes = [str(each["exitCode"]) for each in newest.get("containers", []) if each.get("exitCode") is not None]
    return f"{newest['stoppedReason']}{f' (exit code {codes[0]})' if codes else ''}"
