"""ECS: a container that uses more memory than it may is killed, as the kernel does it on AWS.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/out-of-memory.html
"""

import logging
import re
import signal
import threading
import time
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.containers import memory, processes
from cdp_constructs.local.containers.processes import Container
from cdp_constructs.local.kit import arns, ministack
from cdp_constructs.local.kit.once import once
from cdp_constructs.local.services.ec2 import parties
from cdp_constructs.local.services.ecs.records import definition_of

__all__ = ["watch"]

_ecs: Any = ministack.module("services.ecs", "_tasks")

_REASON = "OutOfMemoryError: Container killed due to memory usage"
_NAME = "com.amazonaws.ecs.container-name"
_MEBIBYTE = 1024 * 1024
_POLL_SECONDS = 0.5
_AMOUNT = re.compile(r"\s*([\d.]+)\s*(GB)?\s*", re.IGNORECASE)
_logger = logging.getLogger(__name__)


@once
def watch() -> None:
    """Begin to look after the memory of containers."""
    threading.Thread(target=_watch, name="ecs-memory", daemon=True).start()


def _watch() -> None:
    while True:
        try:
            _look()
        except Exception:
            _logger.exception("the memory of containers could not be looked at")
        time.sleep(_POLL_SECONDS)


def _bytes(amount: Any) -> int:
    """Return an amount in mebibytes, or as `1 GB`; 0 without one."""
    found = _AMOUNT.fullmatch(str(amount or ""))
    return int(float(found[1]) * _MEBIBYTE * (1024 if found[2] else 1)) if found else 0


def _look() -> None:
    tasks: dict[str, list[Container]] = {}
    for container in processes.living():
        if container.exit_code is None and (task := container.spec.labels.get(parties.TASK)):
            tasks.setdefault(task, []).append(container)
    for task, containers in tasks.items():
        with arns.scope(task):
            record = _ecs._tasks.get(task)
            if record is not None:
                _limit(record, containers)


def _limit(task: Mapping[str, Any], containers: list[Container]) -> None:
    definition = definition_of(task)
    limits = {each["name"]: _bytes(each.get("memory")) for each in definition.get("containerDefinitions", [])}
    whole = _bytes(definition.get("memory"))
    used = {each: memory.used(each.process_id, limits.get(each.spec.labels[_NAME]) or whole) for each in containers}
    for container, amount in used.items():
        if 0 < limits.get(container.spec.labels[_NAME], 0) < amount:
            _kill(task, container, amount)
            return
    if 0 < whole < sum(used.values()):
        largest = max(used, key=lambda each: used[each])
        _kill(task, largest, used[largest])


def _kill(task: Mapping[str, Any], container: Container, amount: int) -> None:
    name = container.spec.labels[_NAME]
    _logger.warning("killed container %s of %s, which used %d MiB", name, task["taskArn"], amount // _MEBIBYTE)
    for each in task["containers"]:
        if each["name"] == name:
            each["reason"] = _REASON
    container.send_signal(signal.SIGKILL)
