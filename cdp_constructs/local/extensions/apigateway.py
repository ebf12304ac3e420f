"""API Gateway: CORS of an HTTP API from CloudFormation, and every path of an API that is addressed by its host.

MiniStack keeps the CORS configuration under the template's names, while what answers preflights looks for its own; and
it answers some paths itself, `/health` among them, before it looks at the host.
"""

from typing import Any

from cdp_constructs.local.extensions import _ministack, _refine
from cdp_constructs.local.extensions._types import Attributes, Properties

__all__ = ["PRIVATE_NAMES", "install"]

PRIVATE_NAMES = (
    "ministack.app:_handle_pre_body_request",
    "ministack.app:_parse_execute_api_url",
    "ministack.app:_resolve_custom_domain_request",
    "ministack.services.apigateway:_apis",
)

_app: Any = _ministack.module("app")
_apigateway: Any = _ministack.module("services.apigateway")


def _rename_cors(api_id: str, properties: Properties, _attributes: Attributes) -> None:
    configuration = properties.get("CorsConfiguration")
    if configuration:
        renamed = {name[0].lower() + name[1:]: value for name, value in configuration.items()}
        if "maxAge" in renamed:
            renamed["maxAge"] = int(renamed["maxAge"])
        renamed["allowCredentials"] = str(renamed.get("allowCredentials", "false")).lower() == "true"
        _apigateway._apis[api_id]["corsConfiguration"] = renamed


def install() -> None:
    """Mend the CORS configuration of HTTP APIs, and leave their paths to them."""
    _refine.after("AWS::ApiGatewayV2::Api", _rename_cors)
    before_body = _app._handle_pre_body_request

    async def pre_body(method: str, path: str, headers: dict[str, str], query: Any, request_id: str) -> Any:
        host = headers.get("host", "")
        if _app._parse_execute_api_url(host, path) or _app._resolve_custom_domain_request(host, path):
            return None
        return await before_body(method, path, headers, query, request_id)

    _app._handle_pre_body_request = pre_body
