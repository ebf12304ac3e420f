"""API Gateway: CORS of an HTTP API, every path of an API that is addressed by its host, sub-protocols of WebSockets.

MiniStack stores the CORS configuration under the template's property names, but reads it under other names; it answers
some paths itself, `/health` among them, before it looks at the host; and it omits the sub-protocol that the integration
of `$connect` selected, without which browsers close a connection that they offered sub-protocols for.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.types import Attributes, Properties

_app: Any = ministack.module("app", "_parse_execute_api_url", "_resolve_custom_domain_request")
_apigateway: Any = ministack.module("services.apigateway", "_apis")


@after("AWS::ApiGatewayV2::Api")
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


@patch("ministack.services.apigateway:_invoke_ws_lambda")
async def _remember_subprotocol(original: _Call, *arguments: Any, **options: Any) -> Any:
    answer = await original(*arguments, **options)
    headers: Mapping[str, str] = (answer or {}).get("headers") or {}
    chosen = (value for name, value in headers.items() if name.lower() == "sec-websocket-protocol")
    _subprotocol.set(next(chosen, None))
    return answer


@patch("ministack.services.apigateway:handle_websocket")
async def _answer_subprotocol(
    original: _Call, scope: Any, receive: _Call, send: _Call, *arguments: Any, **options: Any
) -> None:
    async def send_chosen(message: dict[str, Any]) -> None:
        if message["type"] == "websocket.accept" and (chosen := _subprotocol.get()):
            message = {**message, "subprotocol": chosen}
        await send(message)

    await original(scope, receive, send_chosen, *arguments, **options)


@patch("ministack.app:_handle_pre_body_request")
async def _leave_paths_to_apis(
    original: _Call, method: str, path: str, headers: dict[str, str], query: Any, request_id: str
) -> Any:
    host = headers.get("host", "")
    if _app._parse_execute_api_url(host, path) or _app._resolve_custom_domain_request(host, path):
        return None
    return await original(method, path, headers, query, request_id)
