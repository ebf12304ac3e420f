"""Lambda: invocations, errors, throttles, durations, and the age of what is read from streams.

MiniStack emits them for the operation `Invoke` only.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.metrics import emit, gauge
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.lambda_.aliases import WEIGHTED, resource_of

_lambda: Any = ministack.module("services.lambda_svc", "_execute_function_dispatch", "executions_in_flight")
_responses: Any = ministack.module("core.responses")


def _name(config: Mapping[str, Any]) -> dict[str, str]:
    return {"FunctionName": config.get("FunctionName", "")}


def _dimensions(function: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield those of the function, of the version or alias that was invoked, and of the version behind two weights."""
    named = _name(config)
    yield named
    if resource := resource_of(config):
        yield {**named, "Resource": resource}
        if function.get(WEIGHTED):
            yield {**named, "Resource": resource, "ExecutedVersion": config.get("Version", "")}


@patch("ministack.services.lambda_svc:_execute_function_dispatch")
def _invoked(original: Callable[..., Any], function: Any, config: Mapping[str, Any], *rest: Any) -> Any:
    started = time.perf_counter()
    result = original(function, config, *rest)
    failed = isinstance(result, dict) and bool(result.get("error"))
    milliseconds = round((time.perf_counter() - started) * 1000)
    for dimensions in _dimensions(function, config):
        emit("AWS/Lambda", "Invocations", dimensions)
        emit("AWS/Lambda", "Errors", dimensions, int(failed))
        emit("AWS/Lambda", "Throttles", dimensions, 0)
        emit("AWS/Lambda", "Duration", dimensions, milliseconds, unit="Milliseconds")
    return result


@patch("ministack.services.lambda_svc:_emit_lambda_metrics")
def _throttled(_original: Callable[..., None], name: str, duration_ms: float, error: bool, throttle: bool) -> None:
    """Count what finds no concurrency left; MiniStack says so a second time, with a duration, for `Invoke`."""
    del error
    if throttle and not duration_ms:
        emit("AWS/Lambda", "Throttles", {"FunctionName": name})
        emit("AWS/Lambda", "Throttles", {})


@patch("ministack.services.lambda_svc:invoke_async_with_retry")
def _queued(original: Callable[..., None], function: Mapping[str, Any], event: Any) -> None:
    emit("AWS/Lambda", "AsyncEventsReceived", _name(function.get("config") or function))
    original(function, event)


@patch("ministack.services.lambda_svc:_route_async_failure")
def _dropped(original: Callable[..., None], target: str, name: str, event: Any, result: Mapping[str, Any]) -> None:
    emit("AWS/Lambda", "AsyncEventsDropped", {"FunctionName": name})
    try:
        original(target, name, event, result)
    except Exception:
        emit("AWS/Lambda", "DestinationDeliveryFailures", {"FunctionName": name})
        raise


@patch("ministack.services.apigateway:_invoke_ws_lambda")
async def _web_socket(original: Callable[..., Awaitable[Any]], api_id: str, *arguments: Any, **options: Any) -> Any:
    """WebSocket APIs call a worker past the other paths; what a function failed on is an error of the integration."""
    _account, _region, _route, stage, *_ = arguments
    answer = await original(api_id, *arguments, **options)
    of_stage = {"ApiId": api_id, "Stage": stage}
    failed = isinstance(answer, dict) and int(answer.get("statusCode") or 200) >= 400  # noqa: PLR2004 - HTTP
    emit("AWS/ApiGateway", "IntegrationError", of_stage, int(failed))
    return answer


@gauge
def _concurrent() -> None:
    _total, by_function = _lambda.executions_in_flight()
    in_region: Counter[tuple[str, str]] = Counter()
    for key, executions in by_function.items():
        account, region, name = key.split(":")
        in_region[account, region] += executions
        with _responses.request_scope(account, region):
            emit("AWS/Lambda", "ConcurrentExecutions", {"FunctionName": name}, executions)
    for place, executions in in_region.items():
        with _responses.request_scope(*place):
            emit("AWS/Lambda", "ConcurrentExecutions", {}, executions)
