"""API Gateway: REST APIs whose OpenAPI definition is an object of S3, and what definitions say of methods.

MiniStack reads definitions that stand in the template; of their authorization it takes the security schemes, and of
their integrations the type and the address.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-auth.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.refine import after, before
from cdp_constructs.local.kit.types import Attributes, Properties

_apigateway: Any = ministack.module("services.apigateway_v1", "_resources")
_lambda: Any = ministack.module("services.lambda_svc", "_fetch_code_from_s3")

_AUTH, _INTEGRATION = "x-amazon-apigateway-auth", "x-amazon-apigateway-integration"
_KEPT = ("credentials", "passthroughBehavior", "requestParameters", "requestTemplates")


@before("AWS::ApiGateway::RestApi")
def _read(properties: Properties) -> None:
    place = properties.get("BodyS3Location")
    if not place:
        return
    import yaml  # type: ignore[import-untyped]  # JSON is YAML; the client part of the package has no parser of it

    content = _lambda._fetch_code_from_s3(place["Bucket"], place["Key"], version_id=place.get("Version"))
    if content is None:
        raise ValueError(f"s3://{place['Bucket']}/{place['Key']}, the definition of the API, does not exist")
    properties["Body"] = yaml.safe_load(content)


def _operations(body: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in (body.get("paths") or {}).items():
        for method, operation in methods.items():
            if isinstance(operation, Mapping):
                yield path, "ANY" if method == "x-amazon-apigateway-any-method" else method.upper(), operation


@after("AWS::ApiGateway::RestApi")
def _complete(api: str, properties: Properties, _attributes: Attributes) -> None:
    body = properties.get("Body")
    if not isinstance(body, Mapping):
        return
    methods = {each["path"]: each.get("resourceMethods", {}) for each in _apigateway._resources.get(api, {}).values()}
    for path, method, operation in _operations(body):
        made = methods.get(path, {}).get(method)
        if made is None:
            continue
        if str((operation.get(_AUTH) or {}).get("type", "")).upper() == "AWS_IAM":
            made["authorizationType"] = "AWS_IAM"
        integration = operation.get(_INTEGRATION) or {}
        if made.get("methodIntegration"):
            made["methodIntegration"] |= {name: integration[name] for name in _KEPT if name in integration}
            made["methodIntegration"]["integrationResponses"] = _responses(integration.get("responses") or {})


def _responses(responses: Mapping[str, Any]) -> dict[str, Any]:
    return {
        str(response.get("statusCode", "200")): {
            **response,
            "statusCode": str(response.get("statusCode", "200")),
            "selectionPattern": "" if pattern == "default" else pattern,
        }
        for pattern, response in responses.items()
    }
