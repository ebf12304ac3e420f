"""ECS: health checks of containers, and containers that wait for others of their task.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
"""

import re
import subprocess
import time
from collections.abc import Callable, Mapping
from graphlib import TopologicalSorter
from typing import Any

from cdp_constructs.local.containers.images import Image
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

__all__ = ["is_healthy", "wait", "watch"]

_ecs: Any = ministack.module("services.ecs", "_tasks")
_concurrency: Any = ministack.module("core.concurrency", "spawn_background")

_POLL_SECONDS = 0.05
_LOCAL = re.compile(r"(?<![\w.-])(?:localhost|127\.0\.0\.1)(?![\w.-])")
_START_SECONDS = 180
"""How long a container waits for those it depends on, unless its definition has a `startTimeout`."""


def _record(task: str, name: str) -> dict[str, Any]:
    """Return MiniStack's record of a container; an empty one when the task is gone."""
    containers = (_ecs._tasks.get(task) or {}).get("containers", [])
    return next((container for container in containers if container["name"] == name), {})


def is_healthy(task: Mapping[str, Any], definition: Mapping[str, Any]) -> bool:
    """Whether each container of a task that has a health check has passed it."""
    checked = {each["name"] for each in definition.get("containerDefinitions", []) if each.get("healthCheck")}
    return all(each.get("healthStatus") == "HEALTHY" for each in task.get("containers", []) if each["name"] in checked)


def _is_met(condition: str, container: Any, record: Mapping[str, Any]) -> bool:
    ended = container.container.exit_code
    if condition == "SUCCESS" and ended:
        raise RuntimeError(f"the container {record.get('name')}, which another depends on, ended with {ended}")
    met: dict[str, bool] = {
        "START": True,
        "COMPLETE": ended is not None,
        "SUCCESS": ended == 0,
        "HEALTHY": record.get("healthStatus") == "HEALTHY",
    }
    return met[condition]


@patch("ministack.services.ecs:_start_task_worker")
def _in_order(original: Callable[..., None], task: dict[str, Any], definition: dict[str, Any], *others: Any) -> None:
    """Start containers after those that they depend on, wherever the definition has them: one after the other."""
    defined = definition["containerDefinitions"]
    needs = {each["name"]: [one["containerName"] for one in each.get("dependsOn") or ()] for each in defined}
    places = {each["name"]: place for place, each in enumerate(defined)}
    order = [places[name] for name in TopologicalSorter(needs).static_order()]
    definition["containerDefinitions"] = [defined[place] for place in order]
    for of_each in ("containers", "_container_essentials"):
        task[of_each] = [task[of_each][place] for place in order]
    original(task, definition, *others)


def wait(task: str, definition: Mapping[str, Any], running: Callable[[str], list[Any]]) -> None:
    """Wait until the containers that one depends on are as its definition asks.

    Raises:
        RuntimeError: one of them has failed, it took too long, or the task is to stop meanwhile.
    """
    deadline = time.monotonic() + float(definition.get("startTimeout") or _START_SECONDS)
    for dependency in definition.get("dependsOn") or []:
        name, condition = dependency["containerName"], dependency["condition"]
        while True:
            found = [each for each in running(task) if each.labels["com.amazonaws.ecs.container-name"] == name]
            if found and _is_met(condition, found[0], _record(task, name)):
                break
            if (_ecs._tasks.get(task) or {}).get("desiredStatus") == "STOPPED":
                raise RuntimeError("the task is to stop")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the container {name} was not {condition} in time")
            time.sleep(_POLL_SECONDS)


def watch(task: str, definition: Mapping[str, Any], image: Image | None, container: Any) -> None:
    """Check the health of a container for as long as it runs, when its definition says how.

    A container engine finds commands in its image by itself; of other containers it is asked.
    """
    check = definition.get("healthCheck")
    if check:
        name = f"health-{definition['name']}"
        _concurrency.spawn_background(_check, task, definition["name"], check, image, container, thread_name=name)


def _command(words: list[str], image: Image | None, address: str) -> list[str] | None:
    # A program that is neither Python nor Node.js, such as curl, does not know that localhost is that address.
    kind, *rest = words = [_LOCAL.sub(address, word) for word in words]
    if kind == "NONE":
        return None
    if kind == "CMD-SHELL":
        return ["/bin/sh", "-c", *rest]
    command = rest if kind == "CMD" else words
    return image.command((), command) if image else command


def _check(task: str, name: str, check: Mapping[str, Any], image: Image | None, container: Any) -> None:
    command = _command(list(check["command"]), image, container.container.spec.address)
    if command is None:
        return
    started, failures, has_passed = time.monotonic(), 0, False
    while container.container.exit_code is None:
        try:
            passed = container.container.run(command, float(check.get("timeout") or 5))[0] == 0
        except (OSError, subprocess.SubprocessError):
            passed = False
        record = _record(task, name)
        if passed:
            failures, has_passed, record["healthStatus"] = 0, True, "HEALTHY"
        # Once it has passed, failures count within the start period, too.
        elif has_passed or time.monotonic() - started >= float(check.get("startPeriod") or 0):
            failures += 1
        if failures >= int(check.get("retries") or 3):
            record["healthStatus"] = "UNHEALTHY"
        # Until it has passed once, it is asked more often: nobody should wait for half a minute here.
        time.sleep(float(check.get("interval") or 30) if record.get("healthStatus") == "HEALTHY" else 0.5)
