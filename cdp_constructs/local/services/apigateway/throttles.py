"""API Gateway: the throttles of a stage, as a token bucket for each of its routes.

Each request to a route of an HTTP API, and each connection to a WebSocket API, takes a token; without one it is
answered 429. The bucket of a route holds its burst and is filled at its rate: those of the route's own settings, else
the stage's defaults. The limits of an account are far above what the embedded cloud can serve, and are not applied.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

__all__ = ["TokenBucket"]

_apigateway: Any = ministack.module(
    "services.apigateway",
    "_api_owner",
    "_match_route",
    "_match_ws_route",
    "_refuse_ws_handshake",
    "_stages",
)
_responses: Any = ministack.module("core.responses", "new_uuid", "request_scope")

_MESSAGE = "Too Many Requests"
_ACCOUNT_RATE, _ACCOUNT_BURST = 10_000.0, 5_000
"""What holds where a stage names only one of the two (https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html)."""

_Limits = tuple[float, int]
_Key = tuple[str, str, str]
"""API, stage and route."""


class TokenBucket:
    """Takes a burst of requests, and then as many in a second as its rate says."""

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self.limits: _Limits = (rate, burst)
        self._tokens = float(burst)
        self._filled = now

    def take(self, now: float) -> bool:
        """Take a token; False when there is none."""
        rate, burst = self.limits
        self._tokens = min(float(burst), self._tokens + (now - self._filled) * rate)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


_buckets: dict[_Key, TokenBucket] = {}


def _limits(stage: Mapping[str, Any], route_key: str) -> _Limits | None:
    """Return rate and burst of a route; None when nothing limits it."""
    settings = {**(stage.get("defaultRouteSettings") or {})}
    settings |= (stage.get("routeSettings") or {}).get(route_key) or {}
    # Templates and the API spell the names with another first letter.
    named = {name[0].lower() + name[1:]: value for name, value in settings.items() if value is not None}
    rate, burst = named.get("throttlingRateLimit"), named.get("throttlingBurstLimit")
    if rate is None and burst is None:
        return None
    return float(_ACCOUNT_RATE if rate is None else rate), int(_ACCOUNT_BURST if burst is None else burst)


def _throttled(api_id: str, stage_name: str, stage: Mapping[str, Any], route_key: str) -> bool:
    limits = _limits(stage, route_key)
    if limits is None:
        return False
    key, now = (api_id, stage_name, route_key), time.monotonic()
    bucket = _buckets.get(key)
    if bucket is None or bucket.limits != limits:
        bucket = _buckets[key] = TokenBucket(*limits, now)
    return not bucket.take(now)


@patch("ministack.services.apigateway:_handle_execute_in_scope")
async def _throttle_requests(
    original: Callable[..., Awaitable[Any]], api_id: str, stage: str, path: str, method: str, *rest: Any
) -> Any:
    configured = _apigateway._stages.get(api_id, {}).get(stage)
    # API Gateway answers preflights itself.
    if configured and method != "OPTIONS":
        route = _apigateway._match_route(api_id, method, "/" + path.lstrip("/"))
        if route and _throttled(api_id, stage, configured, route.get("routeKey", "$default")):
            body = f'{{"message":"{_MESSAGE}"}}'.encode()
            return HTTPStatus.TOO_MANY_REQUESTS, {"Content-Type": "application/json"}, body
    return await original(api_id, stage, path, method, *rest)


@patch("ministack.services.apigateway:handle_websocket")
async def _throttle_connections(
    original: Callable[..., Awaitable[None]],
    scope: Any,
    receive: Callable[[], Awaitable[Any]],
    send: Any,
    api_id: str,
    path_override: str | None = None,
) -> None:
    owner = _apigateway._api_owner(api_id)
    if owner and owner[0] == "WEBSOCKET":
        stages = _apigateway._stages.get_scoped(*owner[1:], api_id, {})
        name = (path_override or scope.get("path", "")).strip("/").partition("/")[0]
        name = name if name in stages else "$default"
        with _responses.request_scope(*owner[1:]):
            route = _apigateway._match_ws_route(api_id, "$connect")
        if route and name in stages and _throttled(api_id, name, stages[name], "$connect"):
            await receive()
            identifiers = _responses.new_uuid(), _responses.new_uuid()
            await _apigateway._refuse_ws_handshake(scope, send, HTTPStatus.TOO_MANY_REQUESTS, _MESSAGE, *identifiers)
            return
    await original(scope, receive, send, api_id, path_override=path_override)


@patch("ministack.services.cloudformation.provisioners:_apigw_method_settings")
def _settings_of_methods(original: Callable[..., Any], raw: Any) -> Any:
    """Read paths as templates of REST APIs write them: `/~1orders~1{order}`."""
    return {
        name if name == "*/*" else "/" + name.replace("~1", "/").lstrip("/"): setting
        for name, setting in original(raw).items()
    }
