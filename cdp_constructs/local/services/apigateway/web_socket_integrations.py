"""API Gateway: routes of WebSocket APIs that call a service of AWS, through a mapping template and under a role.

MiniStack's CloudFormation drops what these integrations need, and its routes call functions only.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-requests.html
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.types import Attributes, Properties
from cdp_constructs.local.services.apigateway.integration_requests import Request, first_values
from cdp_constructs.local.services.apigateway.integrations import respond
from cdp_constructs.local.services.apigateway.mapping_templates import Variables

_apigateway: Any = ministack.module("services.apigateway", "_integrations", "_stages", "_ws_request_context")

_logger = logging.getLogger(__name__)
_JSON = "application/json"
_KEPT = {
    "CredentialsArn": "credentialsArn",
    "IntegrationSubtype": "integrationSubtype",
    "PassthroughBehavior": "passthroughBehavior",
    "RequestParameters": "requestParameters",
    "RequestTemplates": "requestTemplates",
    "TemplateSelectionExpression": "templateSelectionExpression",
}


@after("AWS::ApiGatewayV2::Integration")
def _keep(integration_id: str, properties: Properties, _attributes: Attributes) -> None:
    stored = _apigateway._integrations[properties["ApiId"]][integration_id.rpartition("/")[2]]
    stored.update({ours: properties[name] for name, ours in _KEPT.items() if name in properties})


def _template(integration: Mapping[str, Any]) -> str | None:
    templates: Mapping[str, str] = integration.get("requestTemplates") or {}
    selected = str(integration.get("templateSelectionExpression") or "").replace("\\$", "$")
    return templates.get(selected, templates.get("$default"))


def _as_of_rest_api(integration: Mapping[str, Any]) -> dict[str, Any]:
    template = _template(integration)
    return {
        "uri": integration.get("integrationUri", ""),
        "httpMethod": integration.get("integrationMethod") or "POST",
        "credentials": integration.get("credentialsArn") or "",
        "passthroughBehavior": integration.get("passthroughBehavior") or "WHEN_NO_MATCH",
        "requestParameters": integration.get("requestParameters") or {},
        "requestTemplates": {} if template is None else {_JSON: template},
    }


@patch("ministack.services.apigateway:_invoke_ws_lambda")
async def _invoke(
    original: Callable[..., Awaitable[Any]],
    api_id: str,
    account: str,
    region: str,
    route: Mapping[str, Any],
    stage: str,
    connection_id: str,
    event_type: str,
    request_id: str,
    body: str,
    source_ip: str,
    headers: Mapping[str, str],
    query_params: Mapping[str, Any] | None = None,
    **options: Any,
) -> Any:
    target = str(route.get("target", "")).rpartition("/")[2]
    integration = _apigateway._integrations.get(api_id, {}).get(target) or {}
    if integration.get("integrationType") != "AWS" or ":lambda:path" in str(integration.get("integrationUri", "")):
        return await original(
            api_id, account, region, route, stage, connection_id, event_type, request_id, body, source_ip, headers,
            query_params=query_params, **options,
        )  # fmt: skip
    context = _apigateway._ws_request_context(
        api_id, route.get("routeKey", "$default"), stage, connection_id, event_type, request_id, source_ip, headers
    )
    context |= {"accountId": account, "authorizer": dict(options.get("authorizer") or {})}
    context |= {"responseOverride": {"header": {}, "status": None}}
    settings = _apigateway._stages.get(api_id, {}).get(stage) or {}
    variables = Variables({}, first_values(query_params), {**headers, "content-type": _JSON}, context)
    variables = Variables({}, variables.query, variables.headers, context, settings.get("stageVariables") or {})
    request = Request(_as_of_rest_api(integration), variables, (body or "").encode(), account, region)
    try:
        status, _, content = await respond(request)
    except Exception:
        _logger.exception("the integration of route %s failed", route.get("routeKey"))
        status, content = 500, b'{"message": "Internal server error"}'
    said = {"statusCode": status, "body": content.decode("utf-8", errors="replace")}
    # Only a route with a response answers; a connection is told the status alone.
    if event_type == "MESSAGE" and not route.get("routeResponseSelectionExpression"):
        return None
    return said
