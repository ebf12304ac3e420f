"""ECS: a task that is to stop is there until its containers have ended, in the states that it has on AWS.

`DEACTIVATING` while the requests of its targets end, `STOPPING` while its containers do, those first on which no other
one depends, each in its stop timeout, `DEPROVISIONING`, and then `STOPPED`. All the time its desired status is
`STOPPED`, and it counts neither for its service nor for its load balancers.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.containers.docker import DockerContainer
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.ecs import engine, services, state_changes
from cdp_constructs.local.services.ecs.records import definition_of, service_key
from cdp_constructs.local.services.elbv2 import health

_concurrency: Any = ministack.module("core.concurrency", "resource_lock", "spawn_background")
_ecs: Any = ministack.module(
    "services.ecs",
    "_bump_task_version",
    "_cluster_name_from_arn",
    "_iso",
    "_reconcile_service_tasks",
    "_record_service_task_failure",
    "_recount_cluster",
    "_refresh_service_state",
    "_services",
    "_task_is_active",
)
_metadata: Any = ministack.module("services.ecs_metadata", "set_all_container_status", "set_task_status")

_NAME = "com.amazonaws.ecs.container-name"
_BY_REQUEST = "UserInitiated"
"""What MiniStack says of each task that something has stopped."""

_starting: dict[str, threading.Event] = {}
"""By task, what is set when no container of it is started any more."""
_by_scheduler: ContextVar[bool] = ContextVar("_by_scheduler", default=False)
"""Whether it is no request that stops a task."""


@patch("ministack.services.ecs:_stop_task")
def _schedule(original: Callable[[Any], Any], data: Mapping[str, Any]) -> Any:
    """Stop a task for its service; requests come in another way."""
    token = _by_scheduler.set(True)
    try:
        return original(data)
    finally:
        _by_scheduler.reset(token)


@patch("ministack.services.ecs:_start_task_worker")
def _start(original: Callable[..., None], task: dict[str, Any], *others: Any) -> None:
    over = _starting[task["taskArn"]] = threading.Event()
    try:
        original(task, *others)
    finally:
        over.set()


@patch("ministack.services.ecs:_mark_task_stopped")
def _begin(
    original: Callable[..., bool], arn: str, task: dict[str, Any], reason: str, code: str, exit_code: int | None = None
) -> bool:
    """Begin to stop a task; one that is described only has stopped at once."""
    service, by_request = service_key(task), code == _BY_REQUEST and not _by_scheduler.get()
    if service and code == _BY_REQUEST and not by_request:
        code = "ServiceSchedulerInitiated"
    if task["lastStatus"] == "RUNNING" and arn not in _starting:
        stops = original(arn, task, reason, code, exit_code)
    else:
        stops = _begin_to_end(arn, task, reason, code)
    if stops and service and by_request:  # of all others its scheduler knows
        cluster = service.partition("/")[0]
        _concurrency.spawn_background(
            _ecs._reconcile_service_tasks, cluster, service, thread_name=f"ecs-replace-{arn[-8:]}"
        )
    return stops


def _begin_to_end(arn: str, task: dict[str, Any], reason: str, code: str) -> bool:
    with _concurrency.resource_lock("ecs-task", arn):
        if not _ecs._task_is_active(arn, task):
            return False
        _ecs._bump_task_version(task)
        task |= {"desiredStatus": "STOPPED", "stoppingAt": _ecs._iso(), "stoppedReason": reason, "stopCode": code}
        said = state_changes.detail(task)
        task["lastStatus"] = "DEACTIVATING"
    _metadata.set_task_status(arn, known_status="DEACTIVATING", desired_status="STOPPED")
    targets = services.targets(_ecs._services.get(service_key(task)) or {}, task)
    _refresh(task)
    _concurrency.spawn_background(_end, task, said, list(targets), thread_name=f"ecs-stop-{arn[-8:]}")
    if code in services.FAILURES:
        _ecs._record_service_task_failure(task)
    return True


@patch("ministack.services.ecs:_cleanup_task_resources")
def _clean(_original: Callable[..., None], _task: dict[str, Any], *_others: Any) -> None:
    """Leave the containers of a task, which are to end before they are removed, to its end."""


def _refresh(task: Mapping[str, Any]) -> None:
    """Let cluster and service count their tasks, and the service register those that run."""
    cluster = _ecs._cluster_name_from_arn(task["clusterArn"])
    _ecs._recount_cluster(cluster)
    _ecs._refresh_service_state(cluster, task["group"])


def _end(task: dict[str, Any], said: Mapping[str, Any], targets: Sequence[tuple[str, str, int]]) -> None:
    arn = task["taskArn"]
    if over := _starting.pop(arn, None):
        over.wait()
    state_changes.changed(said)
    containers = engine.running(arn)
    running = any(each.status == "running" for each in containers)
    for target in targets:
        health.drain(*target) if running else health.forget(*target)
    _known(task, "STOPPING")
    _stop(task, containers)
    for record in task["containers"]:
        record["lastStatus"] = "STOPPED"
    _metadata.set_all_container_status(arn, "STOPPED")
    task["executionStoppedAt"] = _ecs._iso()
    _change(task, "DEPROVISIONING")
    for container in containers:
        container.remove()
    _clean.original(task, None)  # what the metadata endpoint says of it
    for attachment in task["attachments"]:
        attachment["status"] = "DELETED"
    task["stoppedAt"] = _ecs._iso()
    _change(task, "STOPPED")
    _refresh(task)


def _known(task: dict[str, Any], status: str) -> None:
    task["lastStatus"] = status
    _metadata.set_task_status(task["taskArn"], known_status=status)


def _change(task: dict[str, Any], status: str) -> None:
    _ecs._bump_task_version(task)
    _known(task, status)
    state_changes.changed(state_changes.detail(task))


def _stop(task: Mapping[str, Any], containers: Sequence[DockerContainer]) -> None:
    """Stop containers, each after those that depend on it."""
    records = {each["name"]: each for each in task["containers"]}
    needed = {
        each["name"]: {dependency["containerName"] for dependency in each.get("dependsOn") or ()}
        for each in definition_of(task).get("containerDefinitions", [])
    }
    left = {each.labels[_NAME]: each for each in containers}

    def stop(name: str) -> None:
        left[name].stop()
        records[name] |= {"lastStatus": "STOPPED", "exitCode": left[name].container.exit_code}

    while left:
        first = [name for name in left if not any(name in needed.get(other, ()) for other in left)] or list(left)
        with ThreadPoolExecutor(len(first)) as together:
            list(together.map(stop, first))
        for name in first:
            del left[name]
