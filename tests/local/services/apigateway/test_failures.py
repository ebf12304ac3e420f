"""What a caller is told about a function that failed: that it failed, and nothing of its code."""

from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from tests.local.resources import role
from tests.local.services.apigateway.apis import TOKYO, route

ANSWERS: dict[str, Any] = {
    "text status": {"statusCode": "201", "body": "made"},
    "numbers": {"statusCode": 200, "headers": {"x-number": 5, "x-yes": True, "x-none": None}, "body": "made"},
    "no status": {"statusCode": "none", "body": "made"},
    "small status": {"statusCode": 99, "body": "made"},
    "large status": {"statusCode": 1000, "body": "made"},
    "line break": {"statusCode": 200, "headers": {"x": "a\r\nset-cookie: b=1"}, "body": "made"},
    "header name": {"statusCode": 200, "headers": {"a b:": "x"}, "body": "made"},
    "no headers": {"statusCode": 200, "headers": ["x"], "body": "made"},
    "no base64": {"statusCode": 200, "isBase64Encoded": True, "body": "*"},
}
FAILING = f"""
ANSWERS = {ANSWERS!r}
def handler(event, context):
    asked = event.get("queryStringParameters")
    return ANSWERS[asked["answer"]] if asked else {{}}['secret detail']
"""
INVOCATIONS = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function.Arn}/invocations"


def failing_template() -> dict[str, Any]:
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.14",
            "Handler": "index.handler",
            "Code": {"ZipFile": FAILING},
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        },
    }
    method = {
        "Type": "AWS::ApiGateway::Method",
        "Properties": {
            "RestApiId": {"Ref": "Rest"},
            "ResourceId": {"Fn::GetAtt": ["Rest", "RootResourceId"]},
            "HttpMethod": "GET",
            "AuthorizationType": "NONE",
            "Integration": {
                "Type": "AWS_PROXY",
                "IntegrationHttpMethod": "POST",
                "Uri": {"Fn::Sub": INVOCATIONS},
            },
        },
    }
    permission = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": {"Ref": "Function"},
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
        },
    }
    return {
        "Resources": {
            "Role": role(),
            "Function": function,
            "Permission": permission,
            "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "failing", "ProtocolType": "HTTP"}},
            "Integration": {
                "Type": "AWS::ApiGatewayV2::Integration",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "IntegrationType": "AWS_PROXY",
                    "IntegrationUri": {"Fn::GetAtt": ["Function", "Arn"]},
                    "PayloadFormatVersion": "2.0",
                },
            },
            "Route": route("GET /failing"),
            "Stage": {
                "Type": "AWS::ApiGatewayV2::Stage",
                "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": True},
            },
            "Rest": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "failing"}},
            "Method": method,
            "Deployment": {
                "Type": "AWS::ApiGateway::Deployment",
                "DependsOn": "Method",
                "Properties": {"RestApiId": {"Ref": "Rest"}, "StageName": "live"},
            },
        },
        "Outputs": {"Http": {"Value": {"Ref": "Api"}}, "Rest": {"Value": {"Ref": "Rest"}}},
    }


@pytest.fixture(scope="module")
def failing(cloud: LocalCloud, stacks: Any) -> dict[str, str]:
    ids = stacks.deploy(failing_template(), region=TOKYO)
    rest = f"{cloud.endpoint}/_aws/execute-api/{ids['Rest']}/live/"
    return {"http": f"{cloud.http_api_url(ids['Http'], TOKYO)}/failing", "rest": rest}


def test_an_http_api_answers_500_without_the_exception(failing: dict[str, str]) -> None:
    answer = httpx.get(failing["http"])
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})


def test_a_rest_api_answers_502_without_the_exception(failing: dict[str, str]) -> None:
    answer = httpx.get(failing["rest"])
    assert (answer.status_code, answer.json()) == (502, {"message": "Internal server error"})


@pytest.mark.parametrize("name", list(ANSWERS)[2:])
def test_an_answer_that_cannot_be_sent_is_a_failure_of_the_function(failing: dict[str, str], name: str) -> None:
    """A connection that ends without an answer would be the gateway's."""
    answer = httpx.get(failing["http"], params={"answer": name})
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
    answer = httpx.get(failing["rest"], params={"answer": name})
    assert (answer.status_code, answer.json()) == (502, {"message": "Internal server error"})


def test_a_status_may_be_a_text_and_a_header_a_number(failing: dict[str, str]) -> None:
    for url in failing.values():
        assert httpx.get(url, params={"answer": "text status"}).status_code == 201
        answer = httpx.get(url, params={"answer": "numbers"})
        assert (answer.headers["x-number"], answer.headers["x-yes"], answer.text) == ("5", "true", "made")
        assert "x-none" not in answer.headers
