"""API Gateway: integrations of REST APIs with functions and services of AWS that are no proxies.

The request becomes what its mapping template makes of it, the call is made under the integration's role, and the
answer becomes what the integration responses say.

https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-integration-settings.html
"""

import base64
import json
import logging
import os
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch_each
from cdp_constructs.local.kit.time_limits import matches
from cdp_constructs.local.services.apigateway import service_calls
from cdp_constructs.local.services.apigateway.integration_requests import Request, first_values, text_of
from cdp_constructs.local.services.apigateway.mapping_templates import Variables, path_of, render
from cdp_constructs.local.services.iam import evaluation, sessions
from cdp_constructs.local.services.lambda_.invocation import FunctionNotFoundError, invoke_async

__all__ = ["refusal", "respond", "respond_with"]

_apigateway: Any = ministack.module(
    "services.apigateway_v1",
    "_call_lambda_raw",
    "_extract_lambda_ref_from_integration_uri",
    "_gw_error",
    "_parse_service_integration_uri",
)
_concurrency: Any = ministack.module("core.concurrency", "run_reentrant")
_responses: Any = ministack.module("core.responses", "request_scope")

_logger = logging.getLogger(__name__)
_JSON = "application/json"


@patch_each(
    "ministack.services.apigateway_v1:_invoke_lambda_custom_v1", "ministack.services.apigateway_v1:_invoke_sqs_v1"
)
async def _invoke(
    _original: Callable[..., Any],
    integration: Mapping[str, Any],
    api_id: str,
    stage_name: str,
    stage: Mapping[str, Any],
    resource: Mapping[str, Any],
    request_path: str,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
    path_parameters: Mapping[str, str],
    *,
    owner_account_id: str | None = None,
    owner_region: str | None = None,
    authorizer_context: Mapping[str, Any] | None = None,
    caller_identity: Mapping[str, Any] | None = None,
    **_others: Any,
) -> Any:
    now = time.time()
    context = {
        "accountId": owner_account_id,
        "apiId": api_id,
        "authorizer": dict(authorizer_context or {}),
        "extendedRequestId": base64.b64encode(os.urandom(11)).decode(),
        "httpMethod": method,
        "identity": {
            "sourceIp": "127.0.0.1",
            "userAgent": next((value for name, value in headers.items() if name.lower() == "user-agent"), ""),
            **(caller_identity or {}),
        },
        "path": f"/{stage_name}{request_path}",
        "protocol": "HTTP/1.1",
        "requestId": str(uuid.uuid4()),
        "requestOverride": {"header": {}, "querystring": {}, "path": {}},
        "requestTime": f"{datetime.fromtimestamp(now, UTC):%d/%b/%Y:%H:%M:%S +0000}",
        "requestTimeEpoch": int(now * 1000),
        "resourceId": resource.get("id", ""),
        "resourcePath": resource.get("path", ""),
        "responseOverride": {"header": {}, "status": None},
        "stage": stage_name,
    }
    variables = Variables(
        dict(path_parameters or {}), first_values(query), first_values(headers), context, stage.get("variables") or {}
    )
    request = Request(integration, variables, body or b"", owner_account_id or "", owner_region or "")
    try:
        return await respond(request)
    except Exception:
        _logger.exception("the integration of %s %s failed", method, request_path)
        return refusal()


def refusal(status: int = 500) -> tuple[int, dict[str, str], bytes]:
    """Return what a client gets of an integration that failed."""
    return status, {"Content-Type": _JSON}, b'{"message": "Internal server error"}'


async def respond(request: Request) -> Any:
    """Make the call that an integration stands for, and return its status, headers and body as the client gets them."""
    integration = request.integration
    given = next((value for name, value in request.variables.headers.items() if name.lower() == "content-type"), _JSON)
    templates = {_media(name): text for name, text in (integration.get("requestTemplates") or {}).items()}
    template = templates.get(_media(given))
    behavior = str(integration.get("passthroughBehavior") or "WHEN_NO_MATCH").upper()
    if template is None and (behavior == "NEVER" or (behavior == "WHEN_NO_TEMPLATES" and templates)):
        return _apigateway._gw_error("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type")
    body = (
        request.body if template is None else render(template, request.text, request.variables).encode(errors="replace")
    )
    role, uri = integration.get("credentials") or "", integration.get("uri", "")
    if role.endswith("user/*"):
        role = ""
    if role and not sessions.trusts(role, "apigateway.amazonaws.com"):
        return refusal()
    function = _apigateway._extract_lambda_ref_from_integration_uri(uri)
    if function and "functions/" in uri:
        return await _call_function(request, function, body, role)
    region, service, verb, rest = _apigateway._parse_service_integration_uri(uri)
    path = rest if verb == "path" else ""
    for name, value in request.parameters("path").items():
        path = path.replace(f"{{{name}}}", value)
    call = service_calls.Call(
        region=region or request.region,
        service=service,
        action=rest.partition("&")[0] if verb == "action" else "",
        path=path,
        method=str(integration.get("httpMethod") or "POST"),
        query=request.parameters("querystring"),
        headers=request.parameters("header"),
        body=body,
        role=role,
    )
    answer = await _concurrency.run_reentrant(service_calls.perform, call)
    return respond_with(request, answer, str(answer.status))


def _media(name: str) -> str:
    return name.partition(";")[0].strip().lower()


async def _call_function(request: Request, function: str, body: bytes, role: str) -> Any:
    arn = function if function.startswith("arn:") else _arn(request, function)
    if role:
        with _responses.request_scope(request.account, request.region):
            if not evaluation.role_allows(role, "apigateway", "lambda:InvokeFunction", arn):
                return refusal()
    event = json.loads(body or b"{}")
    asynchronous = {name.lower(): value for name, value in request.parameters("header").items()}
    if asynchronous.get("x-amz-invocation-type") == "Event":
        try:
            with _responses.request_scope(request.account, request.region):
                invoke_async(arn, event)
        except FunctionNotFoundError:
            return refusal()
        return respond_with(request, service_calls.Answer(202, {}, b""), "")
    result, problem = await _apigateway._call_lambda_raw(
        function, event, account_id=request.account, region=request.region
    )
    if problem or result.get("throttle"):
        return refusal(504)
    payload = result.get("body")
    failed = payload.get("errorMessage", "") if result.get("error") and isinstance(payload, dict) else ""
    content = (
        bytes(payload) if isinstance(payload, bytes | bytearray) else json.dumps(payload, ensure_ascii=False).encode()
    )
    return respond_with(request, service_calls.Answer(200, {}, content if payload is not None else b""), str(failed))


def _arn(request: Request, function: str) -> str:
    return f"arn:aws:lambda:{request.region}:{request.account}:function:{function}"


def respond_with(request: Request, answer: service_calls.Answer, subject: str) -> tuple[int, dict[str, Any], bytes]:
    """Return the answer as the integration response says that matches: by status, of a function by its error."""
    responses = [each or {} for each in (request.integration.get("integrationResponses") or {}).values()]
    chosen = next((each for each in responses if _matches(each.get("selectionPattern"), subject)), None)
    chosen = chosen or next((each for each in responses if not each.get("selectionPattern")), None)
    if chosen is None:
        return refusal() if responses or not request.integration.get("uri") else _default(answer)
    text = answer.body.decode("utf-8", errors="replace")
    templates = {_media(name): template for name, template in (chosen.get("responseTemplates") or {}).items()}
    accepted = _media(request.variables.headers.get("accept", _JSON).partition(",")[0])
    kind = accepted if accepted in templates else next(iter(templates), _JSON)
    body = answer.body
    if templates.get(kind):
        body = render(templates[kind], text, request.variables).encode(errors="replace")
    headers: dict[str, Any] = {"Content-Type": kind if templates else answer.headers.get("Content-Type", _JSON)}
    if "amz-json" in str(headers["Content-Type"]):
        headers["Content-Type"] = _JSON
    for name, source in (chosen.get("responseParameters") or {}).items():
        value = _response_value(request, answer, text, source)
        if name.startswith("method.response.header.") and value is not None:
            headers = {key: item for key, item in headers.items() if key.lower() != name.rpartition(".")[2].lower()}
            headers[name.removeprefix("method.response.header.")] = value
    override = request.variables.context["responseOverride"]
    headers |= override.get("header") or {}
    return int(override.get("status") or chosen.get("statusCode") or answer.status), headers, body


def _default(answer: service_calls.Answer) -> tuple[int, dict[str, Any], bytes]:
    return 200, {"Content-Type": _JSON}, answer.body


def _matches(pattern: str | None, subject: str) -> bool:
    return bool(pattern) and bool(subject) and matches(str(pattern), subject)


def _response_value(request: Request, answer: service_calls.Answer, text: str, source: str) -> str | None:
    kind, _, rest = source.removeprefix("integration.response.").partition(".")
    if not source.startswith("integration.response."):
        return request.value(source)
    if kind == "header":
        return {name.lower(): value for name, value in answer.headers.items()}.get(rest.lower())
    return text_of(path_of(text, f"$.{rest}" if rest else "$"))
