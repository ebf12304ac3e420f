"""API Gateway: CORS of an HTTP API, and every path of an API that is addressed by its host.

MiniStack stores the CORS configuration under the template's property names, but reads it under other names; and it
answers some paths itself, `/health` among them, before it looks at the host.
"""

from collections.abc import Awaitable, Callable
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


@patch("ministack.app:_handle_pre_body_request")
async def _leave_paths_to_apis(
    original: Callable[..., Awaitable[Any]],
    method: str,
    path: str,
    headers: dict[str, str],
    query: Any,
    request_id: str,
) -> Any:
    host = headers.get("host", "")
    if _app._parse_execute_api_url(host, path) or _app._resolve_custom_domain_request(host, path):
        return None
    return await original(method, path, headers, query, request_id)
