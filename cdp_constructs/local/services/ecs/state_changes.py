"""ECS: each change of a task's state is an event of Amazon EventBridge, in the order of the changes.

A state that does not raise the version of a task, such as `ACTIVATING` or `STOPPING`, is described and no event.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

__all__ = ["changed", "detail"]

_ecs: Any = ministack.module("services.ecs", "_iso", "_sanitize")
_eventbridge: Any = ministack.module("services.eventbridge", "_put_events")

_NOT_OF_EVENTS = frozenset({"healthStatus", "tags"})
_STARTING = {"PROVISIONING": 1, "PENDING": 2, "RUNNING": 3}
"""The version that a task has from the beginning of a state."""


def detail(task: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the detail of an event: the task as it is, but for some members."""
    described: dict[str, Any] = _ecs._sanitize({**task, **changes, "updatedAt": _ecs._iso()})
    containers = [{k: v for k, v in each.items() if k not in _NOT_OF_EVENTS} for each in described["containers"]]
    return {k: v for k, v in described.items() if k not in _NOT_OF_EVENTS and v != ""} | {"containers": containers}


def changed(said: Mapping[str, Any]) -> None:
    """Send an event with a detail."""
    entry = {
        "Source": "aws.ecs",
        "DetailType": "ECS Task State Change",
        "Resources": [said["taskArn"]],
        "Detail": json.dumps(said),
    }
    _eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _started(task: Mapping[str, Any], status: str) -> None:
    # It may have been told to stop meanwhile; that is the next event.
    changed(detail(task, lastStatus=status, desiredStatus="RUNNING", version=_STARTING[status]))


@patch("ministack.services.ecs:_start_task_worker")
def _provisioning(original: Callable[..., None], task: dict[str, Any], *others: Any) -> None:
    _started(task, "PROVISIONING")
    original(task, *others)


@patch("ministack.services.ecs:_mark_task_pending")
def _pending(original: Callable[..., bool], arn: str, task: dict[str, Any]) -> bool:
    done = original(arn, task)
    if done:
        _started(task, "PENDING")
    return done


@patch("ministack.services.ecs:_mark_task_running")
def _running(original: Callable[..., bool], arn: str, task: dict[str, Any]) -> bool:
    done = original(arn, task)
    if done:
        _started(task, "RUNNING")
    return done
