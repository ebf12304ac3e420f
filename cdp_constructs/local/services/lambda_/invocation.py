"""Lambda: services invoke functions."""

from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["FunctionNotFoundError", "invoke", "invoke_async"]

_lambda: Any = ministack.module(
    "services.lambda_svc",
    "_execute_function_with_config_scope",
    "_execution_record_for_config",
    "_get_func_record_for_ref",
    "invoke_async_with_retry",
)


class FunctionNotFoundError(Exception):
    """There is no such function."""


def _record(arn: str) -> Any:
    function, config, _ = _lambda._get_func_record_for_ref(arn)
    if not function or not config:
        raise FunctionNotFoundError(f"function {arn} does not exist")
    return _lambda._execution_record_for_config(function, config)


def invoke(arn: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Invoke a function, and return MiniStack's record of it: `body`, and `error` or `throttle` when it failed.

    Raises:
        FunctionNotFoundError: there is no such function.
    """
    answer: dict[str, Any] = _lambda._execute_function_with_config_scope(_record(arn), event)
    return answer


def invoke_async(arn: str, event: Mapping[str, Any]) -> None:
    """Invoke a function asynchronously, with the retries and the failure destination of such an invocation.

    Raises:
        FunctionNotFoundError: there is no such function.
    """
    _lambda.invoke_async_with_retry(_record(arn), event)
