"""Kills the containers of a task, so that tests see what a crash loses and how it is replaced.

`POST /_cdp/tasks/kill` with the ARN as `task` kills every process of the task and returns the number of containers.
"""

import signal
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit.admin import AdminError, route
from cdp_constructs.local.services.ecs import engine


@route("POST", "tasks/kill")
def _kill(request: Mapping[str, Any]) -> Mapping[str, Any]:
    containers = [each for each in engine.running(request["task"]) if each.status == "running"]
    if not containers:
        raise AdminError(f"no container of the task {request['task']} runs")
    for each in containers:
        each.container.send_signal(signal.SIGKILL)
    return {"killed": len(containers)}
