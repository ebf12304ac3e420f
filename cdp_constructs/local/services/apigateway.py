"""API Gateway: CORS of an HTTP API, every path of an API that is addressed by its host, sub-protocols of WebSockets.

MiniStack keeps the CORS configuration under the template's names, while what answers preflights looks for its own; it
answers some paths itself, `/health` among them, before it looks at the host; and it leaves the sub-protocol out that
the integration of `$connect` chose, without which browsers end a connection that they offered sub-protocols for.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.kit import ministack, refine
from cdp_constructs.local.kit.types import Attributes, Properties

__all__ = ["PRIVATE_NAMES", "install"]

PRIVATE_NAMES = (
    "ministack.app:_handle_pre_body_request",
    "ministack.app:_parse_execute_api_url",
    "ministack.app:_resolve_custom_domain_request",
    "ministack.services.apigateway:_apis",
    "ministack.services.apigateway:_invoke_ws_lambda",
)

_app: Any = ministack.module("app")
_apigateway: Any = ministack.module("services.apigateway")


def _rename_cors(api_id: str, properties: Properties, _attributes: Attributes) -> None:
    configuration = properties.get("CorsConfiguration")
    if configuration:
        renamed = {name[0].lower() + name[1:]: value for name, value in configuration.items()}
        if "maxAge" in renamed:
            renamed["maxAge"] = int(renamed["maxAge"])
        renamed["allowCredentials"] = str(renamed.get("allowCredentials", "false")).lower() == "true"
        _apigateway._apis[api_id]["corsConfiguration"] = renamed


_Call = Callable[..., Awaitable[Any]]

# The sub-protocol that the integration of $connect chose, between its answer and the answer to the handshake.
_subprotocol: ContextVar[str | None] = ContextVar("subprotocol", default=None)


def _choosing(invoke: _Call) -> _Call:
    async def invoke_integration(*arguments: Any, **options: Any) -> Any:
        answer = await invoke(*arguments, **options)
        headers: Mapping[str, str] = (answer or {}).get("headers") or {}
        chosen = (value for name, value in headers.items() if name.lower() == "sec-websocket-protocol")
        _subprotocol.set(next(chosen, None))
        return answer

    return invoke_integration


def _answering(serve: _Call) -> _Call:
    async def serve_websocket(scope: Any, receive: _Call, send: _Call, *arguments: Any, **options: Any) -> None:
        async def send_chosen(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.accept" and (chosen := _subprotocol.get()):
                message = {**message, "subprotocol": chosen}
            await send(message)

        await serve(scope, receive, send_chosen, *arguments, **options)

    return serve_websocket


def install() -> None:
    """Mend the CORS configuration of HTTP APIs and the handshake of WebSockets, and leave APIs their paths."""
    _apigateway._invoke_ws_lambda = _choosing(_apigateway._invoke_ws_lambda)
    _apigateway.handle_websocket = _answering(_apigateway.handle_websocket)
    refine.after("AWS::ApiGatewayV2::Api", _rename_cors)
    before_body = _app._handle_pre_body_request

    async def pre_body(method: str, path: str, headers: dict[str, str], query: Any, request_id: str) -> Any:
        host = headers.get("host", "")
        if _app._parse_execute_api_url(host, path) or _app._resolve_custom_domain_request(host, path):
            return None
        return await before_body(method, path, headers, query, request_id)

    _app._handle_pre_body_request = pre_body
