"""API Gateway: requests, errors and latency of HTTP APIs, REST APIs and WebSocket APIs.

- https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
- https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.metrics import emit
from cdp_constructs.local.kit.patch import patch

_http: Any = ministack.module("services.apigateway", "find_api_scope")
_rest: Any = ministack.module("services.apigateway_v1", "_rest_apis", "find_api_scope")
_responses: Any = ministack.module("core.responses")


def _milliseconds(since: float) -> int:
    return round((time.perf_counter() - since) * 1000)


def _emit_request(dimensions: dict[str, str], status: int, latency: int, *, errors: str) -> None:
    """Count a request; the metrics of errors are called `4` and `5` with `errors` behind it."""
    emit("AWS/ApiGateway", "Count", dimensions)
    for kind in (4, 5):
        emit("AWS/ApiGateway", f"{kind}{errors}", dimensions, int(status // 100 == kind))
    emit("AWS/ApiGateway", "Latency", dimensions, latency, unit="Milliseconds")


@patch("ministack.services.apigateway:handle_execute")
async def _http_request(
    original: Callable[..., Awaitable[Any]], api_id: str, stage: str, *arguments: Any, **options: Any
) -> Any:
    started = time.perf_counter()
    answer = await original(api_id, stage, *arguments, **options)
    scope = _http.find_api_scope(api_id)
    if scope is not None:
        status, latency = int(answer[0]), _milliseconds(started)
        with _responses.request_scope(*scope):
            for dimensions in ({"ApiId": api_id}, {"ApiId": api_id, "Stage": stage}):
                _emit_request(dimensions, status, latency, errors="xx")
                emit("AWS/ApiGateway", "IntegrationLatency", dimensions, latency, unit="Milliseconds")
    return answer


@patch("ministack.services.apigateway_v1:handle_execute")
async def _rest_request(
    original: Callable[..., Awaitable[Any]], api_id: str, stage: str, *arguments: Any, **options: Any
) -> Any:
    started = time.perf_counter()
    answer = await original(api_id, stage, *arguments, **options)
    scope = _rest.find_api_scope(api_id)
    if scope is not None:
        status, latency = int(answer[0]), _milliseconds(started)
        with _responses.request_scope(*scope):
            name = (_rest._rest_apis.get(api_id) or {}).get("name", "")
            for dimensions in ({"ApiName": name}, {"ApiName": name, "Stage": stage}):
                _emit_request(dimensions, status, latency, errors="XXError")
    return answer
