"""API Gateway: request validators of REST APIs.

MiniStack checks requests by validators that its API made; its CloudFormation makes none and leaves them out of methods.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import after, handler
from cdp_constructs.local.kit.types import Attributes, Properties

_apigateway: Any = ministack.module(
    "services.apigateway_v1", "_create_request_validator", "_request_validators", "_resources"
)

_TYPE = "AWS::ApiGateway::RequestValidator"
_JSON = "application/json"


def _checks(properties: Properties) -> dict[str, bool]:
    names = {"ValidateRequestBody": "validateRequestBody", "ValidateRequestParameters": "validateRequestParameters"}
    return {ours: str(properties.get(name, "")).lower() == "true" for name, ours in names.items()}


def _made(logical_id: str, properties: Properties) -> tuple[str, Attributes]:
    data = {"name": properties.get("Name") or logical_id, **_checks(properties)}
    status, _, body = _apigateway._create_request_validator(properties["RestApiId"], data)
    if status >= 400:  # noqa: PLR2004  # HTTP
        raise ValueError(json.loads(body)["message"])
    validator = json.loads(body)["id"]
    return validator, {"RequestValidatorId": validator}


@patch(handler(_TYPE, "create"))
def _create(_original: Callable[..., Any], logical_id: str, properties: Properties, *_: str) -> Any:
    return _made(logical_id, properties)


@patch(handler(_TYPE, "update"))
def _update(_original: Callable[..., Any], physical_id: str, old: Properties, new: Properties, *_: str) -> Any:
    if any(new.get(name) != old.get(name) for name in ("RestApiId", "Name")):
        return _made(physical_id, new)
    _apigateway._request_validators[new["RestApiId"]][physical_id].update(_checks(new))
    return physical_id, {"RequestValidatorId": physical_id}


@patch(handler(_TYPE, "delete"))
def _delete(_original: Callable[..., Any], physical_id: str, properties: Properties, *_: str) -> None:
    _apigateway._request_validators.get(properties["RestApiId"], {}).pop(physical_id, None)


@after("AWS::ApiGateway::Method")
def _keep_validator(_method: str, properties: Properties, _attributes: Attributes) -> None:
    methods = _apigateway._resources[properties["RestApiId"]][properties["ResourceId"]]["resourceMethods"]
    methods[properties["HttpMethod"]]["requestValidatorId"] = properties.get("RequestValidatorId")


@patch("ministack.services.apigateway_v1:_check_request_validation")
def _by_media_type(
    original: Callable[..., Any],
    method: Mapping[str, Any],
    api_id: str,
    request: Any,
    headers: Mapping[str, str],
    body: bytes,
    query: Any,
) -> Any:
    """Check a body by the model of its media type, or of `$default`; a type without a model is not checked."""
    models = method.get("requestModels") or {}
    given = next((value for name, value in headers.items() if name.lower() == "content-type"), _JSON)
    model = models.get(given.partition(";")[0].strip().lower()) or models.get("$default")
    method = {**method, "requestModels": {_JSON: model} if model else {}}
    return original(method, api_id, request, headers, body if not model or _is_json(body) else b"no JSON", query)


def _is_json(body: bytes) -> bool:
    """Whether a body is JSON: Python takes NaN and Infinity, which are none."""
    try:
        json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
