"""HTTP APIs in front of queues, buses, streams and state machines, without a function between."""

import json
from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from tests.local.resources import allow, arn

BY_GATEWAY = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "apigateway.amazonaws.com"}}
PASS = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}
PARAMETERS: dict[str, dict[str, Any]] = {
    "SQS-SendMessage": {
        "QueueUrl": {"Ref": "Queue"},
        "MessageBody": "$request.body.text",
        "MessageAttributes": '{"from": {"DataType": "String", "StringValue": "${request.querystring.from}"}}',
    },
    "SQS-ReceiveMessage": {"QueueUrl": {"Ref": "Queue"}, "WaitTimeSeconds": "1", "MessageAttributeNames": '["All"]'},
    "SQS-PurgeQueue": {"QueueUrl": {"Ref": "Forbidden"}},
    "EventBridge-PutEvents": {"Source": "test.http", "DetailType": "$request.header.kind", "Detail": "$request.body"},
    "Kinesis-PutRecord": {"StreamName": {"Ref": "Stream"}, "PartitionKey": "a", "Data": "$request.body.data"},
    "StepFunctions-StartSyncExecution": {"StateMachineArn": {"Ref": "Machine"}, "Input": "$request.body"},
}


def _resources() -> dict[str, Any]:
    allowed = [
        allow(["sqs:SendMessage", "sqs:ReceiveMessage"], arn("Queue")),
        allow("events:PutEvents", {"Fn::Sub": "arn:aws:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"}),
        allow("kinesis:PutRecord", arn("Stream")),
        allow("states:StartSyncExecution", {"Ref": "Machine"}),
    ]
    policies = [{"PolicyName": "own", "PolicyDocument": {"Statement": allowed}}]
    by_states = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "states.amazonaws.com"}}
    delivery = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn("Seen")}
    machine = {"DefinitionString": json.dumps(PASS), "RoleArn": arn("OfMachine"), "StateMachineType": "EXPRESS"}
    resources: dict[str, Any] = {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": {"Statement": [BY_GATEWAY]}, "Policies": policies},
        },
        "OfMachine": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": [by_states]}}},
        **{name: {"Type": "AWS::SQS::Queue"} for name in ("Queue", "Forbidden", "Seen")},
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
        "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine},
        "MayDeliver": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Seen"}],
                "PolicyDocument": {"Statement": [{**delivery, "Principal": {"Service": "events.amazonaws.com"}}]},
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {"source": ["test.http"], "detail-type": ["greeting"]},
                "Targets": [{"Id": "a", "Arn": arn("Seen"), "InputPath": "$.detail"}],
            },
        },
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "direct", "ProtocolType": "HTTP"}},
        "Stage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": True},
        },
    }
    for number, (subtype, parameters) in enumerate(PARAMETERS.items()):
        resources[f"Integration{number}"] = {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "IntegrationType": "AWS_PROXY",
                "IntegrationSubtype": subtype,
                "PayloadFormatVersion": "1.0",
                "CredentialsArn": arn("Role"),
                "RequestParameters": parameters,
            },
        }
        resources[f"Route{number}"] = {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "RouteKey": f"POST /{subtype}",
                "Target": {"Fn::Sub": f"integrations/${{Integration{number}}}"},
            },
        }
    return resources


@pytest.fixture(scope="module")
def outputs(stacks: Any) -> dict[str, str]:
    names = ("Api", "Queue", "Seen", "Stream")
    made: dict[str, str] = stacks.deploy(
        {"Resources": _resources(), "Outputs": {name: {"Value": {"Ref": name}} for name in names}}
    )
    return made


@pytest.fixture(scope="module")
def url(cloud: LocalCloud, outputs: dict[str, str]) -> str:
    return cloud.http_api_url(outputs["Api"], "us-east-1")


def test_a_message_is_sent_and_received(url: str) -> None:
    sent = httpx.post(f"{url}/SQS-SendMessage?from=me", json={"text": "hello"})
    assert sent.status_code == 200, sent.text
    assert sent.json()["MessageId"]
    [message] = httpx.post(f"{url}/SQS-ReceiveMessage").json()["Messages"]
    assert message["Body"] == "hello"
    assert message["MessageAttributes"]["from"]["StringValue"] == "me"


def test_an_event_reaches_the_bus(cloud: LocalCloud, url: str, outputs: dict[str, str]) -> None:
    answer = httpx.post(f"{url}/EventBridge-PutEvents", json={"n": 1}, headers={"kind": "greeting"})
    assert answer.json()["FailedEntryCount"] == 0
    sqs = cloud.client("sqs")
    received = eventually(
        lambda: sqs.receive_message(QueueUrl=outputs["Seen"]).get("Messages"), within=20, what="the event"
    )
    assert json.loads(received[0]["Body"]) == {"n": 1}


def test_a_record_is_written(cloud: LocalCloud, url: str, outputs: dict[str, str]) -> None:
    answer = httpx.post(f"{url}/Kinesis-PutRecord", json={"data": "aGVsbG8="})
    assert answer.status_code == 200, answer.text
    kinesis = cloud.client("kinesis")
    start = {"ShardId": answer.json()["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    iterator = kinesis.get_shard_iterator(StreamName=outputs["Stream"], **start)["ShardIterator"]
    assert [record["Data"] for record in kinesis.get_records(ShardIterator=iterator)["Records"]] == [b"hello"]


def test_an_execution_answers(url: str) -> None:
    answer = httpx.post(f"{url}/StepFunctions-StartSyncExecution", json={"n": 2})
    assert answer.status_code == 200, answer.text
    assert json.loads(answer.json()["output"]) == {"n": 2}


def test_the_role_decides(url: str) -> None:
    answer = httpx.post(f"{url}/SQS-PurgeQueue")
    assert answer.status_code in {400, 403}
    assert "not authorized" in answer.text
