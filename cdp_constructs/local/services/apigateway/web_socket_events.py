"""API Gateway: what the events of WebSocket APIs have on AWS, and MiniStack leaves out, makes up or has otherwise.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, patch_each

_apigateway: Any = ministack.module("services.apigateway", "_ws_connections")

_MESSAGE, _DISCONNECT = "MESSAGE", "DISCONNECT"
# One for each connection, in milliseconds.
_connected_at: ContextVar[int | None] = ContextVar("connected_at", default=None)


@patch("ministack.services.apigateway:_ws_request_context")
def _context(
    original: Callable[..., dict[str, Any]], api_id: str, key: str, stage: str, connection: str, *rest: Any
) -> dict[str, Any]:
    context = original(api_id, key, stage, connection, *rest)
    if (at := _connected_at.get()) is None:
        # Without a route for `$connect` a message is the first that is heard of a connection.
        record = _apigateway._ws_connections.get(connection)
        at = record["connectedAt"] * 1000 if record else context["connectedAt"]
        _connected_at.set(at)
    if not context["identity"].get("userAgent"):
        context["identity"].pop("userAgent", None)
    return {**context, "messageDirection": "IN", "connectedAt": at}


@patch_each("ministack.core.lambda_runtime:Worker.invoke", "ministack.core.lambda_runtime:ProvidedWorker.invoke")
def _invoke(original: Callable[..., Any], worker: Any, event: Any, *arguments: Any, **options: Any) -> Any:
    if _connected_at.get() is not None and _is_of_connection(event):  # others may call a function with such an event
        event = _completed(event)
    return original(worker, event, *arguments, **options)


def _is_of_connection(event: Any) -> bool:
    """Whether it is that of a route; that of an authorizer has a type."""
    return isinstance(event, dict) and "eventType" in (event.get("requestContext") or ()) and "type" not in event


def _completed(event: dict[str, Any]) -> dict[str, Any]:
    context = event["requestContext"]
    if context["eventType"] == _MESSAGE:
        return event
    # Only messages have a body, and only requests with a query its parameters.
    completed = {name: value for name, value in event.items() if name != "body" and value is not None}
    if context["eventType"] == _DISCONNECT:
        headers = {"Host": context.get("domainName", ""), "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
        completed |= {"headers": headers, "multiValueHeaders": {name: [value] for name, value in headers.items()}}
    return completed
