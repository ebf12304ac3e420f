"""Request validators of REST APIs: bodies by their media type's model, and parameters that a request has to have."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud

ORDER = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "required": ["item"],
    "properties": {"item": {"type": "string"}},
}
API = {"Ref": "Api"}
MOCK = {
    "Type": "MOCK",
    "RequestTemplates": {"application/json": '{"statusCode": 200}', "text/plain": '{"statusCode": 200}'},
    "IntegrationResponses": [{"StatusCode": "200"}],
}
INVALID = {"message": "Invalid request body"}


def _template(*, body: bool = True) -> dict[str, Any]:
    method = {
        "RestApiId": API,
        "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
        "AuthorizationType": "NONE",
        "RequestValidatorId": {"Ref": "Validator"},
        "Integration": MOCK,
        "MethodResponses": [{"StatusCode": "200"}],
    }
    checks = {"ValidateRequestBody": body, "ValidateRequestParameters": True}
    resources: dict[str, Any] = {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "orders"}},
        "Validator": {"Type": "AWS::ApiGateway::RequestValidator", "Properties": {"RestApiId": API, **checks}},
        "Model": {
            "Type": "AWS::ApiGateway::Model",
            "Properties": {"RestApiId": API, "ContentType": "application/json", "Schema": ORDER},
        },
        "Post": {
            "Type": "AWS::ApiGateway::Method",
            "Properties": {**method, "HttpMethod": "POST", "RequestModels": {"application/json": {"Ref": "Model"}}},
        },
        "Get": {
            "Type": "AWS::ApiGateway::Method",
            "Properties": {
                **method,
                "HttpMethod": "GET",
                "RequestParameters": {"method.request.querystring.page": True, "method.request.header.X-Shop": True},
            },
        },
        "Deployment": {
            "Type": "AWS::ApiGateway::Deployment",
            "DependsOn": ["Post", "Get"],
            "Properties": {"RestApiId": API, "StageName": "live"},
        },
    }
    return {"Resources": resources, "Outputs": {"Api": {"Value": API}, "Validator": {"Value": {"Ref": "Validator"}}}}


@pytest.fixture(scope="module")
def deployed(stacks: Any) -> dict[str, str]:
    outputs: dict[str, str] = stacks.deploy(_template(), name="request-validators")
    return outputs


@pytest.fixture
def ask(cloud: LocalCloud, deployed: dict[str, str]) -> Callable[..., httpx.Response]:
    def send(method: str, **options: Any) -> httpx.Response:
        url = f"{cloud.endpoint}/_aws/execute-api/{deployed['Api']}/live/"
        return httpx.request(method, url, timeout=60, **options)

    return send


def test_a_body_that_its_model_does_not_allow_is_refused(ask: Callable[..., httpx.Response]) -> None:
    assert ask("POST", json={"item": "book"}).status_code == 200
    for body in ({}, {"item": 7}, []):
        answer = ask("POST", json=body)
        assert (answer.status_code, answer.json()) == (400, INVALID)
    for text in ("{", '{"item": "book", "price": NaN}', '{"item": "book", "price": -Infinity}', '{"item": "book"} {}'):
        assert ask("POST", content=text, headers={"content-type": "application/json"}).json() == INVALID


def test_a_media_type_without_a_model_is_not_checked(ask: Callable[..., httpx.Response]) -> None:
    assert ask("POST", content="book", headers={"content-type": "text/plain"}).status_code == 200


def test_parameters_that_are_missing_are_named(ask: Callable[..., httpx.Response]) -> None:
    answer = ask("GET", params={"size": "7"})
    assert answer.status_code == 400
    assert {"page", "X-Shop"} <= set(answer.json()["message"].partition("[")[2].rstrip("]").split(", "))
    assert ask("GET", params={"page": "2"}, headers={"x-shop": "a"}).status_code == 200


def test_an_update_changes_what_is_checked(
    cloud: LocalCloud, stacks: Any, deployed: dict[str, str], ask: Callable[..., httpx.Response]
) -> None:
    updated = stacks.deploy(_template(body=False), name="request-validators")
    assert updated == deployed
    described = cloud.client("apigateway").get_request_validators(restApiId=deployed["Api"])["items"]
    assert [each["validateRequestBody"] for each in described] == [False]
    assert ask("POST", json={}).status_code == 200
