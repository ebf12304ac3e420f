"""ECS: what is configured, as MiniStack keeps it."""

from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["definition_of", "service_key"]

_ecs: Any = ministack.module("services.ecs", "_cluster_name_from_arn", "_resolve_td_key", "_task_defs")


def definition_of(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the task definition of a task; an empty one when it is not there."""
    found: Mapping[str, Any] = _ecs._task_defs.get(_ecs._resolve_td_key(task.get("taskDefinitionArn", ""))) or {}
    return found


def service_key(task: Mapping[str, Any]) -> str:
    """Return the key of the service that a task belongs to, its cluster and its name; nothing for any other task."""
    kind, _, name = str(task.get("group") or "").partition(":")
    return f"{_ecs._cluster_name_from_arn(task['clusterArn'])}/{name}" if kind == "service" else ""
