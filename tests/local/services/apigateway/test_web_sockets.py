"""WebSocket APIs: the sub-protocol that an integration chose."""

import json
from typing import Any

from websockets.sync.client import connect
from websockets.typing import Subprotocol

from cdp_constructs.local import LocalCloud

OFFERED = [Subprotocol("first"), Subprotocol("second")]
SUBPROTOCOLS = """
def handler(event, context):
    if event["requestContext"]["routeKey"] == "$connect":
        return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "second"}}
    return {"statusCode": 200, "body": event.get("body")}
"""


def socket_template() -> dict[str, Any]:
    """A WebSocket API whose function answers what it gets."""
    api = {"Ref": "Api"}
    uri = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function.Arn}/invocations"
    integration = {"ApiId": api, "IntegrationType": "AWS_PROXY", "IntegrationUri": {"Fn::Sub": uri}}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    return {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": [trust]}}},
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.14",
                    "Handler": "index.handler",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Code": {"ZipFile": SUBPROTOCOLS},
                },
            },
            "Permission": {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "Action": "lambda:InvokeFunction",
                    "FunctionName": {"Ref": "Function"},
                    "Principal": "apigateway.amazonaws.com",
                },
            },
            "Api": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {
                    "Name": "sockets",
                    "ProtocolType": "WEBSOCKET",
                    "RouteSelectionExpression": "$request.body.action",
                },
            },
            "Integration": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": integration},
            **{
                name: {
                    "Type": "AWS::ApiGatewayV2::Route",
                    "Properties": {
                        "ApiId": api,
                        "RouteKey": key,
                        "Target": {"Fn::Sub": "integrations/${Integration}"},
                    },
                }
                for name, key in (("Connect", "$connect"), ("Default", "$default"))
            },
            "Stage": {
                "Type": "AWS::ApiGatewayV2::Stage",
                "Properties": {"ApiId": api, "StageName": "live", "AutoDeploy": True},
            },
        },
        "Outputs": {"ApiId": {"Value": api}, "Function": {"Value": {"Ref": "Function"}}},
    }


def test_a_web_socket_gets_the_sub_protocol_that_the_integration_chose(cloud: LocalCloud, stacks: Any) -> None:
    outputs = stacks.deploy(socket_template())
    url = f"{cloud.endpoint.replace('http', 'ws', 1)}/_aws/execute-api/{outputs['ApiId']}/live"
    with connect(url, subprotocols=OFFERED) as connection:
        assert connection.subprotocol == "second"
        connection.send("hello")
        assert connection.recv(10) == "hello"


def test_a_function_that_is_called_with_the_event_of_a_connection_gets_it_as_it_is(
    cloud: LocalCloud, stacks: Any
) -> None:
    function = stacks.deploy(socket_template())["Function"]
    event = {"requestContext": {"routeKey": "$disconnect", "eventType": "DISCONNECT"}, "body": "its own"}
    answer = cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    assert json.load(answer["Payload"])["body"] == "its own"
