"""Mock integrations of REST APIs: preflight responses as the CDK makes them, and bodies that templates make."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud

API = {"Ref": "Api"}
ALLOWED = "https://shop.example.com"
ORIGINS = f"""
#set($origin = $input.params().header.get("Origin"))
#if($origin == "")
  #set($origin = $input.params().header.get("origin"))
#end
#if($origin.matches("https://{ALLOWED[8:]}") || $origin.matches("https://b.example"))
  #set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)
#end
"""
PREFLIGHT = {
    "Type": "MOCK",
    "RequestTemplates": {"application/json": "{ statusCode: 200 }"},
    "IntegrationResponses": [
        {
            "StatusCode": "204",
            "ResponseParameters": {
                "method.response.header.Access-Control-Allow-Origin": "'https://a.example'",
                "method.response.header.Access-Control-Allow-Methods": "'GET,POST'",
            },
            "ResponseTemplates": {"application/json": ORIGINS},
        }
    ],
}
STOCK = {
    "Type": "MOCK",
    "RequestTemplates": {
        "application/json": '{#if($input.params("item") == "book")"statusCode": 200#else"statusCode": 404#end}'
    },
    "IntegrationResponses": [
        {
            "StatusCode": "200",
            "SelectionPattern": "200",
            "ResponseTemplates": {"application/json": '{"item": "$input.params("item")", "stage": "$context.stage"}'},
        },
        {
            "StatusCode": "404",
            "SelectionPattern": "4\\d{2}",
            "ResponseTemplates": {"application/json": '{"message": "sold out"}'},
        },
    ],
}
NOTHING = {"Type": "MOCK", "RequestTemplates": {"application/json": "{}"}, "IntegrationResponses": []}


def _method(method: str, integration: dict[str, Any]) -> dict[str, Any]:
    properties = {
        "RestApiId": API,
        "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
        "HttpMethod": method,
        "AuthorizationType": "NONE",
        "Integration": integration,
        "MethodResponses": [{"StatusCode": code} for code in ("200", "204", "404")],
    }
    return {"Type": "AWS::ApiGateway::Method", "Properties": properties}


@pytest.fixture(scope="module")
def ask(cloud: LocalCloud, stacks: Any) -> Callable[..., httpx.Response]:
    resources: dict[str, Any] = {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "mocks"}},
        "Options": _method("OPTIONS", PREFLIGHT),
        "Get": _method("GET", STOCK),
        "Post": _method("POST", NOTHING),
        "Deployment": {
            "Type": "AWS::ApiGateway::Deployment",
            "DependsOn": ["Options", "Get", "Post"],
            "Properties": {"RestApiId": API, "StageName": "live"},
        },
    }
    outputs = stacks.deploy({"Resources": resources, "Outputs": {"Api": {"Value": API}}})
    url = f"{cloud.endpoint}/_aws/execute-api/{outputs['Api']}/live/"
    return lambda method, **options: httpx.request(method, url, timeout=60, **options)


@pytest.mark.parametrize(("origin", "allowed"), [(ALLOWED, ALLOWED), ("", "https://a.example")])
def test_a_preflight_request_is_answered_by_its_origin(
    ask: Callable[..., httpx.Response], origin: str, allowed: str
) -> None:
    answer = ask("OPTIONS", headers={"Origin": origin} if origin else {})
    assert answer.status_code == 204, answer.text
    assert answer.headers["access-control-allow-origin"] == allowed
    assert answer.headers["access-control-allow-methods"] == "GET,POST"


def test_the_request_template_chooses_the_response_and_its_template_makes_the_body(
    ask: Callable[..., httpx.Response],
) -> None:
    found = ask("GET", params={"item": "book"})
    assert (found.status_code, found.json()) == (200, {"item": "book", "stage": "live"})
    missing = ask("GET", params={"item": "pen"})
    assert (missing.status_code, missing.json()) == (404, {"message": "sold out"})


def test_a_request_template_without_a_status_is_an_error(ask: Callable[..., httpx.Response]) -> None:
    assert ask("POST", json={}).status_code == 500
