"""Custom resources whose function fails: CloudFormation is told at once, and does not wait for an answer in vain.

CloudFormation invokes the function asynchronously and waits for its answer until `ServiceTimeout`, an hour by default.
A function that fails three times, as often as Lambda tries, will not answer; here its error is known.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_custom_resource: Any = ministack.module(
    "services.cloudformation.custom_resource", "_lock", "_pending", "deliver_response"
)

_TRIES = 3
_invoking: ContextVar[bool] = ContextVar("custom_resource", default=False)


@patch("ministack.services.cloudformation.custom_resource:invoke_custom_resource")
def _invoke(original: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    token = _invoking.set(True)
    try:
        return original(*arguments, **options)
    finally:
        _invoking.reset(token)


@patch("ministack.services.lambda_svc:_execute_function_with_config_scope")
def _execute(original: Callable[..., dict[str, Any]], function: Any, event: Any) -> dict[str, Any]:
    if not _invoking.get():
        return original(function, event)
    result: dict[str, Any] = {}
    for _ in range(_TRIES):
        result = original(function, event)
        if not result.get("error") or _is_answered(event):
            return result
    body = result.get("body")
    error = body if isinstance(body, dict) else {"errorMessage": str(body)}
    name = (function.get("config") or function).get("FunctionName", "")
    what = f"{error.get('errorType', 'Error')}: {error.get('errorMessage', '')}"
    reason = f"the function {name} failed before it answered: {what}"
    _custom_resource.deliver_response(_token(event), {"Status": "FAILED", "Reason": reason})
    return result


def _token(event: Any) -> str:
    return str(event["ResponseURL"]).rpartition("/")[2]


def _is_answered(event: Any) -> bool:
    with _custom_resource._lock:
        waiting = _custom_resource._pending.get(_token(event))
    return waiting is None or waiting["event"].is_set()
