"""API Gateway: what the handshake of a WebSocket API is answered with.

MiniStack omits the sub-protocol that the integration of `$connect` selected, without which browsers close a connection
that they offered sub-protocols for, and answers 403 whatever the integration refuses a connection with.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_apigateway: Any = ministack.module("services.apigateway", "_refuse_ws_handshake")

_logger = logging.getLogger(__name__)
_Call = Callable[..., Awaitable[Any]]

_FAILED = 502


class _Handshake:
    """What the integration of `$connect` answered, and whether its function failed."""

    status = 200
    subprotocol: str | None = None
    failed = False


# One for each connection; the thread that runs the function shares it.
_handshake: ContextVar[_Handshake | None] = ContextVar("handshake", default=None)


@patch("ministack.services.lambda_svc:_run_with_function_config_scope")
def _run(original: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    result = original(*arguments, **options)
    handshake = _handshake.get()
    if handshake and isinstance(result, dict):
        handshake.failed = result.get("status") == "error"
    return result


@patch("ministack.services.apigateway:_invoke_ws_lambda")
async def _invoke(original: _Call, *arguments: Any, **options: Any) -> Any:
    handshake = _handshake.get()
    try:
        answer = await original(*arguments, **options)
    except Exception:
        # A function that does not start. The message of a connection that is open is not answered.
        _logger.exception("the integration of a route failed")
        answer = {"statusCode": _FAILED}
        if handshake:
            handshake.failed = True
    if handshake:
        answered = answer if isinstance(answer, Mapping) else {}
        headers: Mapping[str, str] = answered.get("headers") or {}
        chosen = (value for name, value in headers.items() if name.lower() == "sec-websocket-protocol")
        handshake.subprotocol = next(chosen, None)
        handshake.status = _FAILED if handshake.failed else int(answered.get("statusCode", 200))
    return answer


@patch("ministack.services.apigateway:handle_websocket")
async def _answer(original: _Call, scope: Any, receive: _Call, send: _Call, *arguments: Any, **options: Any) -> None:
    handshake, accepted = _Handshake(), False
    _handshake.set(handshake)

    async def answer(message: dict[str, Any]) -> None:
        nonlocal accepted
        if message["type"] == "websocket.accept":
            accepted = True
            if handshake.subprotocol:
                message = {**message, "subprotocol": handshake.subprotocol}
        if message["type"] == "websocket.close" and not accepted and not 200 <= handshake.status < 300:  # noqa: PLR2004
            text = "Internal server error" if handshake.failed else "Forbidden"
            await _apigateway._refuse_ws_handshake(scope, send, handshake.status, text, "", "")
            return
        await send(message)

    await original(scope, receive, answer, *arguments, **options)
