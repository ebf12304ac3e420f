"""Amazon ECS: how much of the CPU and memory of their tasks services use, and how many of those run.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
"""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.metrics import emit, gauge
from cdp_constructs.local.service_metrics import machine
from cdp_constructs.local.services.ecs import engine

_ecs: Any = ministack.module("services.ecs", "_clusters", "_resolve_td_key", "_services", "_task_defs", "_tasks")
_responses: Any = ministack.module("core.responses")

_UNITS = 1024
"""CPU units of a virtual CPU; a mebibyte has as many kibibytes."""
_MINUTE = 60
_used: dict[str, tuple[float, float, float]] = {}
"""When a task was looked at, the seconds of CPU that it had used then, and the share of its CPU until then."""
_reported: dict[str, int] = {}
"""The minute for which a task has reported: it does so once, so that the number of samples is that of tasks."""


def _groups(processes: Iterable[machine.Process]) -> dict[int, tuple[float, float]]:
    """Return the seconds of CPU and the mebibytes of memory of each process group."""
    found: dict[int, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for each in processes:
        seconds, used = found[each.group]
        found[each.group] = seconds + each.seconds, used + each.resident / _UNITS / _UNITS
    return found


@gauge
def _utilization() -> None:
    containers = {
        task["taskArn"]: [each.container.process_id for each in engine.running(task["taskArn"])]
        for _, task in _ecs._tasks.all_items()
    }
    if not containers or not Path("/proc").is_dir():
        return
    now, processes = machine.processes([each for of_task in containers.values() for each in of_task])
    groups, minute = _groups(processes), int(clock.now()) // _MINUTE
    for (account, region, key), service in _ecs._services.all_items():
        with _responses.request_scope(account, region):
            definition = _ecs._task_defs.get(_ecs._resolve_td_key(service["taskDefinition"])) or {}
            cpu, memory = float(definition.get("cpu") or 256), float(definition.get("memory") or 512)
            dimensions = {"ClusterName": key.partition("/")[0], "ServiceName": service["serviceName"]}
            for task in list(_ecs._tasks.values()):
                if task.get("group") != f"service:{service['serviceName']}" or task.get("lastStatus") != "RUNNING":
                    continue
                ids = containers.get(task["taskArn"])
                if ids is None or _reported.get(task["taskArn"]) == minute:  # it was started since, or has reported
                    continue
                of_task = [groups[each] for each in ids if each in groups]
                if ids and not of_task:  # they have ended since
                    continue
                seconds, used = sum(each[0] for each in of_task), sum(each[1] for each in of_task)
                emit("AWS/ECS", "MemoryUtilization", dimensions, round(used / memory * 100, 2), unit="Percent")
                share = 0.0
                if before := _used.get(task["taskArn"]):
                    then, counted, share = before
                    if now > then:
                        cores = max(0.0, seconds - counted) / (now - then)
                        share = round(cores / (cpu / _UNITS) * 100, 2)
                    emit("AWS/ECS", "CPUUtilization", dimensions, share, unit="Percent")
                    _reported[task["taskArn"]] = minute
                _used[task["taskArn"]] = now, seconds, share
    for gone in _used.keys() - containers.keys():
        _used.pop(gone, None)
        _reported.pop(gone, None)


@gauge
def _running() -> None:
    """Count tasks as Container Insights do, where a cluster has them."""
    for (account, region, key), service in _ecs._services.all_items():
        with _responses.request_scope(account, region):
            name = key.partition("/")[0]
            settings = (_ecs._clusters.get(name) or {}).get("settings") or []
            if any(one.get("name") == "containerInsights" and one.get("value") != "disabled" for one in settings):
                dimensions = {"ClusterName": name, "ServiceName": service["serviceName"]}
                emit("ECS/ContainerInsights", "RunningTaskCount", dimensions, float(service.get("runningCount") or 0))
