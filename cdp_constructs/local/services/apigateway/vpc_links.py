"""API Gateway: private integrations reach load balancers through VPC links.

An HTTP API names the listener; a REST API names a VPC link, whose target is a Network Load Balancer (or an Application
Load Balancer, as `IntegrationTarget`), and the port in its URI.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-private.html
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import h11

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType
from cdp_constructs.local.services.elbv2 import listening, names
from cdp_constructs.local.services.elbv2.listening import Listening

__all__ = ["RESOURCE_TYPES"]

_apigateway_v1: Any = ministack.module("services.apigateway_v1", "_resources")

_Call = Callable[..., Awaitable[Any]]
_PORTS = {"http": 80, "https": 443}
_links: dict[str, tuple[str, ...]] = {}
"""By the id of a VPC link, the ARNs of its load balancers; an HTTP API's has none."""


def _create(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, Attributes]:
    made = secrets.token_hex(3)
    _links[made] = tuple(properties.get("TargetArns") or ())
    return made, {"VpcLinkId": made}


def _update(physical_id: str, _old: Properties, new: Properties, _stack: str) -> tuple[str, Attributes]:
    _links[physical_id] = tuple(new.get("TargetArns") or ())
    return physical_id, {"VpcLinkId": physical_id}


def _delete(physical_id: str, _properties: Properties) -> None:
    _links.pop(physical_id, None)


RESOURCE_TYPES: tuple[ResourceType, ...] = tuple(
    ResourceType(name=f"AWS::{service}::VpcLink", create=_create, update=_update, delete=_delete)
    for service in ("ApiGateway", "ApiGatewayV2")
)


async def _answer(found: Listening, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Any:
    """Send a request to a listener, and return its whole response."""
    status, answered, content = await names.pass_to(found, method, target, headers, body)
    messages: list[Mapping[str, Any]] = []

    async def collect(message: Mapping[str, Any]) -> None:
        messages.append(message)

    await content.runner(collect, _never)
    if not messages or messages[-1]["more_body"]:
        raise ConnectionError("the response is not whole")
    kept = {name: value for name, value in answered.items() if name not in {"content-length", "date", "server"}}
    return status, kept, b"".join(message["body"] for message in messages)


async def _never() -> Any:
    """Wait for a client that goes: API Gateway waits for the whole response."""
    await asyncio.Event().wait()


# --- HTTP APIs --------------------------------------------------------------------------------------------------------


@patch("ministack.services.apigateway:_apply_request_parameter_mappings")
def _with_stage(
    original: Callable[..., tuple[Any, Any, str]], integration: Mapping[str, Any], **request: Any
) -> tuple[Any, Any, str]:
    """Send the path with its stage to a private integration, as AWS does, unless a mapping overwrites it."""
    headers, query, path = original(integration, **request)
    stage = request["context_vars"]["stage"]
    mapped = "overwrite:path" in (integration.get("requestParameters") or {})
    if integration.get("connectionType") == "VPC_LINK" and stage != "$default" and not mapped:
        path = f"/{stage}{path}"
    return headers, query, path


@patch("ministack.services.apigateway:_invoke_http_proxy")
async def _private(
    original: _Call,
    integration: Mapping[str, Any],
    path: str,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Any,
) -> Any:
    if integration.get("connectionType") != "VPC_LINK":
        return await original(integration, path, method, headers, body, query)
    found = listening.find(str(integration.get("integrationUri", "")))
    if integration.get("connectionId") not in _links or found is None:
        return 503, {"Content-Type": "application/json"}, b'{"message":"Service Unavailable"}'
    target = quote(path, safe="/%:@!$&'()*+,;=~")
    if query:
        target += f"?{urlencode(query, doseq=True)}"
    try:
        return await _answer(found, method, target, headers, body)
    except (OSError, h11.RemoteProtocolError):
        return 503, {"Content-Type": "application/json"}, b'{"message":"Service Unavailable"}'


# --- REST APIs --------------------------------------------------------------------------------------------------------


def _keep(api: str, resource: str, method: str, connection: Mapping[str, Any]) -> None:
    """Keep what MiniStack drops of an integration."""
    methods = _apigateway_v1._resources[api][resource]["resourceMethods"]
    methods[method]["methodIntegration"].update({key: value for key, value in connection.items() if value})


@after("AWS::ApiGateway::Method")
def _of_template(_method: str, properties: Properties, _attributes: Attributes) -> None:
    integration = properties.get("Integration") or {}
    if integration.get("ConnectionType") == "VPC_LINK":
        connection = {
            "connectionId": integration.get("ConnectionId"),
            "integrationTarget": integration.get("IntegrationTarget"),
        }
        _keep(properties["RestApiId"], properties["ResourceId"], properties["HttpMethod"], connection)


@patch("ministack.services.apigateway_v1:_put_integration")
def _by_api(original: Callable[..., Any], api: str, resource: str, method: str, data: Mapping[str, Any]) -> Any:
    answer = original(api, resource, method, data)
    if answer[0] < 400 and data.get("connectionType") == "VPC_LINK":  # noqa: PLR2004 - HTTP
        _keep(api, resource, method, {key: data.get(key) for key in ("connectionId", "integrationTarget")})
    return answer


def _listener(integration: Mapping[str, Any], port: int) -> Listening | None:
    target = integration.get("integrationTarget")
    balancers = (target,) if target else _links.get(str(integration.get("connectionId")), ())
    return next((each for each in listening.open_listeners(*balancers) if each.port == port), None)


@patch("ministack.services.apigateway_v1:_invoke_http_proxy_v1")
async def _private_v1(
    original: _Call,
    integration: Mapping[str, Any],
    path: str,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Any,
    path_parameters: Any = None,
) -> Any:
    """Send the request to the address of the listener; the URI's host is what the target sees."""
    if integration.get("connectionType") != "VPC_LINK":
        return await original(integration, path, method, headers, body, query, path_parameters)
    parts = urlsplit(str(integration.get("uri", "")))
    found = _listener(integration, parts.port or _PORTS.get(parts.scheme, 80))
    if found is None:
        return 500, {"Content-Type": "application/json"}, b'{"message": "Internal server error"}'
    where = f"{found.address[0]}:{found.address[1]}"
    reached = {**integration, "uri": parts._replace(netloc=where).geturl()}
    return await original(reached, path, method, headers, body, query, path_parameters)
