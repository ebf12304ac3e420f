"""API Gateway: routes of HTTP APIs that call a service of AWS directly, by the subtype of their integration.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html
"""

import json
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.apigateway import service_calls
from cdp_constructs.local.services.apigateway.integration_requests import Request, first_values
from cdp_constructs.local.services.apigateway.integrations import refusal
from cdp_constructs.local.services.apigateway.mapping_templates import Variables
from cdp_constructs.local.services.iam import sessions

_apigateway: Any = ministack.module("services.apigateway", "_stages")
_concurrency: Any = ministack.module("core.concurrency", "run_reentrant")

_logger = logging.getLogger(__name__)
_SERVICES = {"EventBridge": "events", "SQS": "sqs", "Kinesis": "kinesis", "StepFunctions": "states"}
_OF_CALL = ("Region", "TraceHeader")
_ENTRY = ("Detail", "DetailType", "Source", "Time", "EventBusName", "Resources")
_NUMBERS = ("DelaySeconds", "MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds")
_DOCUMENTS = ("MessageAttributes", "MessageSystemAttributes", "AttributeNames", "MessageAttributeNames", "Resources")
_PLACE = re.compile(r"\$\{([^}]+)}")


def _value(request: Request, text: str) -> str:
    """Return a parameter: a constant, or what parts such as `$request.body.id` or `${request.path.id}` stand for."""
    if text.startswith("$") and not text.startswith("${"):
        return request.value(text[1:]) or ""
    return _PLACE.sub(lambda place: request.value(place[1]) or "", text)


def _body(subtype: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {name: value for name, value in parameters.items() if name not in _OF_CALL}
    body |= {name: int(body[name]) for name in _NUMBERS if name in body}
    body |= {name: json.loads(body[name]) for name in _DOCUMENTS if name in body}
    if subtype == "EventBridge-PutEvents":
        return {"Entries": [{name: body[name] for name in _ENTRY if name in body}]}
    if subtype.startswith("StepFunctions-"):
        return {name[0].lower() + name[1:]: value for name, value in body.items()}
    return body


async def _respond(request: Request) -> Any:
    subtype, role = request.integration["integrationSubtype"], request.integration.get("credentialsArn") or ""
    service, _, action = str(subtype).partition("-")
    if service not in _SERVICES:
        _logger.warning("%s is not a service that HTTP APIs call here", subtype)
        return refusal()
    if not sessions.trusts(role, "apigateway.amazonaws.com"):
        return refusal()
    given = {name: _value(request, str(text)) for name, text in request.integration["requestParameters"].items()}
    call = service_calls.Call(
        region=given.get("Region", request.region),
        service=_SERVICES[service],
        action=action,
        path="",
        method="POST",
        query={},
        headers={},
        body=json.dumps(_body(subtype, given)).encode(),
        role=role,
        in_json=True,
    )
    answer = await _concurrency.run_reentrant(service_calls.perform, call)
    return answer.status, {"Content-Type": "application/json"}, answer.body


@patch("ministack.services.apigateway:_invoke_lambda_proxy")
async def _invoke(
    original: Callable[..., Awaitable[Any]],
    integration: Mapping[str, Any],
    api_id: str,
    stage: str,
    path: str,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
    route_key: str = "$default",
    path_parameters: Mapping[str, str] | None = None,
    **options: Any,
) -> Any:
    if not integration.get("integrationSubtype"):
        return await original(
            integration, api_id, stage, path, method, headers, body, query, route_key, path_parameters, **options
        )
    context = {
        "accountId": options.get("owner_account_id"),
        "apiId": api_id,
        "httpMethod": method,
        "path": path,
        "requestId": str(uuid.uuid4()),
        "routeKey": route_key,
        "stage": stage,
        "identity": {"sourceIp": "127.0.0.1"},
        "authorizer": {"claims": options.get("authorizer_claims") or {}},
    }
    variables = Variables(
        dict(path_parameters or {}),
        first_values(query),
        first_values(headers),
        context,
        (_apigateway._stages.get(api_id, {}).get(stage) or {}).get("stageVariables") or {},
    )
    account, region = options.get("owner_account_id") or "", options.get("owner_region") or ""
    try:
        return await _respond(Request(integration, variables, body or b"", account, region))
    except Exception:
        _logger.exception("the integration of %s failed", route_key)
        return refusal()
