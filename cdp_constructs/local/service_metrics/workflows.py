"""Step Functions: executions that were started, and how they ended, by state machine.

https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cdp_constructs.local.kit.metrics import emit
from cdp_constructs.local.kit.patch import patch

_NAMESPACE = "AWS/States"
_ENDED = {
    "ABORTED": "ExecutionsAborted",
    "FAILED": "ExecutionsFailed",
    "SUCCEEDED": "ExecutionsSucceeded",
    "TIMED_OUT": "ExecutionsTimedOut",
}


@patch("ministack.services.stepfunctions:_emit_execution_status_event")
def _changed(original: Callable[..., None], execution: Mapping[str, Any]) -> None:
    original(execution)
    of_machine = {"StateMachineArn": execution["stateMachineArn"]}
    ended = _ENDED.get(execution["status"])
    if ended is None:
        if not execution.get("redriveCount"):
            emit(_NAMESPACE, "ExecutionsStarted", of_machine)
        return
    emit(_NAMESPACE, ended, of_machine)
    started, stopped = (datetime.fromisoformat(execution[name]) for name in ("startDate", "stopDate"))
    milliseconds = round((stopped - started).total_seconds() * 1000)
    emit(_NAMESPACE, "ExecutionTime", of_machine, milliseconds, unit="Milliseconds")
