"""Kills the processes that run a function, also during an invocation, so that tests see what a crash loses.

`POST /_cdp/functions/crash?region=us-west-2&name=<function>` kills every process that runs the function and returns
their number, once all have ended. An invocation in progress fails without a response, as when Lambda runs out of
memory; the next one starts a new process.
"""

from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import route

_lambda_runtime: Any = ministack.module("core.lambda_runtime", "_lock", "_workers")

_LONGEST_END = 10
"""Seconds within which a process that was killed has ended."""


@route("POST", "functions/crash")
def _crash(request: Mapping[str, Any]) -> Mapping[str, Any]:
    region, name = request["region"], request["name"]
    with _lambda_runtime._lock:
        processes = [
            worker._proc
            for key, workers in _lambda_runtime._workers.items()
            # account:region:function:qualifier
            if key.split(":")[1:3] == [region, name]
            for worker in workers
        ]
    running = [process for process in processes if process is not None and process.poll() is None]
    for process in running:
        process.kill()
    for process in running:
        # A process ends a moment after it was killed: until then the next invocation would be given to it, and fail.
        process.wait(_LONGEST_END)
    return {"killed": len(running)}
