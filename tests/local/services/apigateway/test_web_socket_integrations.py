"""WebSocket APIs: routes that call a service through a template, and what refuses a connection."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from tests.local.resources import allow, arn, function, role

API = {"Ref": "Api"}
ORDER = (
    "Action=SendMessage&MessageAttribute.1.Name=connection&MessageAttribute.1.Value.DataType=String"
    "&MessageAttribute.1.Value.StringValue=$context.connectionId"
    "&MessageBody=$util.urlEncode($input.json($util.escapeJavaScript('$').replaceAll(\"\\\\'\",\"'\")))"
)
CONNECT = """
def handler(event, context):
    wanted = (event.get("queryStringParameters") or {}).get("answer", "200")
    if wanted == "failure":
        raise ValueError("no connection")
    return {"statusCode": int(wanted)}
"""


def _route(key: str, integration: str, **properties: Any) -> dict[str, Any]:
    target = {"Fn::Sub": f"integrations/${{{integration}}}"}
    return {
        "Type": "AWS::ApiGatewayV2::Route",
        "Properties": {"ApiId": API, "RouteKey": key, "Target": target, **properties},
    }


@pytest.fixture(scope="module")
def deployed(stacks: Any) -> dict[str, str]:
    by_gateway = role(allow(["sqs:SendMessage"], arn("Queue")), service="apigateway")
    uri = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function.Arn}/invocations"
    send = {
        "ApiId": API,
        "IntegrationType": "AWS",
        "IntegrationMethod": "POST",
        "IntegrationUri": {
            "Fn::Sub": "arn:aws:apigateway:${AWS::Region}:sqs:path/${AWS::AccountId}/${Queue.QueueName}"
        },
        "CredentialsArn": arn("ByGateway"),
        "PassthroughBehavior": "NEVER",
        "RequestParameters": {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
        "RequestTemplates": {"order": ORDER},
        "TemplateSelectionExpression": "order",
    }
    connecting = {"ApiId": API, "IntegrationType": "AWS_PROXY", "IntegrationUri": {"Fn::Sub": uri}}
    permission = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "Function"},
        "Principal": "apigateway.amazonaws.com",
    }
    outputs: dict[str, str] = stacks.deploy(
        {
            "Resources": {
                "Queue": {"Type": "AWS::SQS::Queue"},
                "ByGateway": by_gateway,
                "Role": role(),
                "Function": function(CONNECT, "Role"),
                "Permission": {"Type": "AWS::Lambda::Permission", "Properties": permission},
                "Api": {
                    "Type": "AWS::ApiGatewayV2::Api",
                    "Properties": {
                        "Name": "orders",
                        "ProtocolType": "WEBSOCKET",
                        "RouteSelectionExpression": "$request.body.action",
                    },
                },
                "Send": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": send},
                "Connecting": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": connecting},
                "Connect": _route("$connect", "Connecting"),
                "Silent": _route("order", "Send"),
                "Answered": _route("ask", "Send", RouteResponseSelectionExpression="$default"),
                "Stage": {
                    "Type": "AWS::ApiGatewayV2::Stage",
                    "Properties": {"ApiId": API, "StageName": "live", "AutoDeploy": True},
                },
            },
            "Outputs": {"Api": {"Value": API}, "Queue": {"Value": {"Ref": "Queue"}}},
        }
    )
    return outputs


@pytest.fixture
def url(cloud: LocalCloud, deployed: dict[str, str]) -> str:
    return f"{cloud.endpoint.replace('http', 'ws', 1)}/_aws/execute-api/{deployed['Api']}/live"


def _messages(cloud: LocalCloud, queue: str) -> Callable[[], list[Any]]:
    def receive() -> list[Any]:
        received = cloud.client("sqs").receive_message(QueueUrl=queue, MessageAttributeNames=["All"])
        return list(received.get("Messages", []))

    return receive


def test_a_message_becomes_what_the_template_makes_of_it(cloud: LocalCloud, deployed: dict[str, str], url: str) -> None:
    order = {"action": "order", "item": "a book & more"}
    with connect(url, proxy=None) as connection:
        connection.send(json.dumps(order))
        [message] = eventually(_messages(cloud, deployed["Queue"]))
        assert json.loads(message["Body"]) == order
        assert message["MessageAttributes"]["connection"]["StringValue"]
        connection.send(json.dumps({"action": "ask"}))
        answer = json.loads(connection.recv(10))
    assert answer["SendMessageResponse"]["SendMessageResult"]["MessageId"], "the first route answers nothing"


@pytest.mark.parametrize(("wanted", "status"), [("401", 401), ("500", 500), ("failure", 502)])
def test_a_connection_is_refused_with_what_the_integration_says(url: str, wanted: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"{url}?answer={wanted}", proxy=None):
        pass
    assert refused.value.response.status_code == status
