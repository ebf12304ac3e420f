"""Step Functions: no input and no result of a state is larger than 256 KB.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch_each

_states: Any = ministack.module("services.stepfunctions", "_ExecutionError")
_responses: Any = ministack.module("core.responses", "error_response_json")

_LARGEST = 262_144


@patch_each(*(f"ministack.services.stepfunctions:_execute_{kind}" for kind in ("map", "parallel", "pass", "task")))
def _execute(original: Callable[..., Any], state: Mapping[str, Any], *rest: Any) -> Any:
    output, following = original(state, *rest)
    _check(output, "state")
    return output, following


@patch_each(*(f"ministack.services.stepfunctions:_invoke_{kind}" for kind in ("resource", "with_callback")))
def _invoke(original: Callable[..., Any], *arguments: Any) -> Any:
    result = original(*arguments)
    _check(result, "task")
    return result


def _check(value: Any, what: str) -> None:
    if len(json.dumps(value, ensure_ascii=False).encode()) > _LARGEST:
        cause = f"The {what} returned a result with a size exceeding the maximum number of bytes service limit."
        raise _states._ExecutionError("States.DataLimitExceeded", cause)


@patch_each(*(f"ministack.services.stepfunctions:{name}" for name in ("_start_execution", "_start_sync_execution")))
def _start(original: Callable[..., Any], request: Mapping[str, Any]) -> Any:
    if len(str(request.get("input", "")).encode()) > _LARGEST:
        message = (
            "1 validation error detected: Value at 'input' failed to satisfy constraint: "
            f"Member must have length less than or equal to {_LARGEST}"
        )
        return _responses.error_response_json("ValidationException", message, 400)
    return original(request)
