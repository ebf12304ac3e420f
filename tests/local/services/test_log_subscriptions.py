"""Subscription filters of log groups: functions with their destinations, and streams."""

import gzip
import json
import time
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from tests.local.resources import allow, arn, function, role

CODE = """
import base64, gzip, json
def handler(event, context):
    data = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    return [each["message"] for each in data["logEvents"]]
"""
PATTERN = '{ $.level = "ERROR" }'


def _filter(destination: Any, **options: Any) -> dict[str, Any]:
    properties = {"LogGroupName": {"Ref": "Log"}, "FilterPattern": PATTERN, "DestinationArn": destination, **options}
    return {"Type": "AWS::Logs::SubscriptionFilter", "DependsOn": "Permission", "Properties": properties}


@pytest.fixture(scope="module")
def outputs(cloud: LocalCloud, stacks: Any) -> dict[str, str]:
    permission = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "Function"},
        "Principal": "logs.amazonaws.com",
    }
    succeeded = {"OnSuccess": {"Destination": arn("Queue")}}
    invoked = {"FunctionName": {"Ref": "Function"}, "Qualifier": "$LATEST", "DestinationConfig": succeeded}
    resources = {
        "Log": {"Type": "AWS::Logs::LogGroup"},
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
        "Role": role(allow("sqs:SendMessage", arn("Queue"))),
        "ByLogs": role(allow("kinesis:PutRecord", arn("Stream")), service="logs"),
        "Function": function(CODE, "Role"),
        "Invoked": {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": invoked},
        "Permission": {"Type": "AWS::Lambda::Permission", "Properties": permission},
        "ToFunction": _filter(arn("Function")),
        "ToStream": _filter(arn("Stream"), RoleArn=arn("ByLogs")),
    }
    names = ("Log", "Queue", "Stream")
    made: dict[str, str] = stacks.deploy(
        {"Resources": resources, "Outputs": {name: {"Value": {"Ref": name}} for name in names}}
    )
    logs = cloud.client("logs")
    logs.create_log_stream(logGroupName=made["Log"], logStreamName="one")
    texts = [json.dumps({"level": level, "n": n}) for n, level in enumerate(("INFO", "ERROR"))]
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": text} for text in texts]
    logs.put_log_events(logGroupName=made["Log"], logStreamName="one", logEvents=events)
    return made


def test_what_matches_reaches_a_function_and_its_result_the_destination(
    cloud: LocalCloud, outputs: dict[str, str]
) -> None:
    sqs = cloud.client("sqs")
    [message] = eventually(
        lambda: sqs.receive_message(QueueUrl=outputs["Queue"]).get("Messages"), within=30, what="the result"
    )
    assert json.loads(message["Body"])["responsePayload"] == ['{"level": "ERROR", "n": 1}']


def test_what_matches_reaches_a_stream(cloud: LocalCloud, outputs: dict[str, str]) -> None:
    kinesis = cloud.client("kinesis")

    def records() -> list[Any]:
        position = {"ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
        iterator = kinesis.get_shard_iterator(StreamName=outputs["Stream"], **position)["ShardIterator"]
        return list(kinesis.get_records(ShardIterator=iterator)["Records"])

    [record] = eventually(records, within=30, what="the record")
    data = json.loads(gzip.decompress(record["Data"]))
    assert data["logGroup"] == outputs["Log"]
    assert [event["message"] for event in data["logEvents"]] == ['{"level": "ERROR", "n": 1}']
