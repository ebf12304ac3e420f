"""Kinesis: event source mappings isolate the records that a function fails on, and continue with the shard."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud

HANDLER = """
import base64, boto3, os
def handler(event, context):
    sqs = boto3.client("sqs")
    bodies = [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]
    if "poison" in bodies:
        raise RuntimeError("poison")
    failed = []
    for record, body in zip(event["Records"], bodies):
        if body == "refused":
            failed = [{"itemIdentifier": record["kinesis"]["sequenceNumber"]}]
            break
        sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=body)
    return {"batchItemFailures": failed}
"""


def policy(principal: str, *statements: dict[str, Any]) -> dict[str, Any]:
    return {
        "AssumeRolePolicyDocument": {
            "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": principal}}]
        },
        "Policies": [{"PolicyName": "all", "PolicyDocument": {"Statement": list(statements)}}],
    }


def arn(logical_id: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def allow(action: str, resource: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Failed": {"Type": "AWS::SQS::Queue"},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": policy(
                "lambda.amazonaws.com",
                allow("kinesis:*", arn("Stream")),
                allow("sqs:SendMessage", [arn("Queue"), arn("Failed")]),
            ),
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.14",
                "Handler": "index.handler",
                "Code": {"ZipFile": HANDLER},
                "Role": arn("Role"),
                "Environment": {"Variables": {"QUEUE": {"Ref": "Queue"}}},
            },
        },
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": arn("Stream"),
                "FunctionName": {"Ref": "Function"},
                "StartingPosition": "TRIM_HORIZON",
                "BatchSize": 10,
                "BisectBatchOnFunctionError": True,
                "MaximumRetryAttempts": 1,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "DestinationConfig": {"OnFailure": {"Destination": arn("Failed")}},
            },
        },
    },
    "Outputs": {name: {"Value": {"Ref": name}} for name in ("Stream", "Queue", "Failed")},
}


class Received:
    """Messages of a queue, collected."""

    def __init__(self, cloud: LocalCloud, url: str) -> None:
        self._sqs = cloud.client("sqs")
        self._url = url
        self.bodies: list[str] = []

    def all(self) -> list[str]:
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            self.bodies.append(message["Body"])
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return self.bodies


@pytest.fixture(scope="module")
def outputs(stacks: Any) -> dict[str, str]:
    deployed: dict[str, str] = stacks.deploy(TEMPLATE)
    return deployed


@pytest.mark.parametrize("bad", ["poison", "refused"])
def test_record_that_always_fails_is_isolated_and_those_around_it_are_delivered(
    outputs: dict[str, str], cloud: LocalCloud, eventually: Callable[..., Any], bad: str
) -> None:
    kinesis = cloud.client("kinesis")
    bodies = [f"{bad}-{number}" for number in range(3)] + [bad]
    records = [{"Data": body.encode(), "PartitionKey": "a"} for body in bodies + [f"{bad}-{n}" for n in range(3, 6)]]
    kinesis.put_records(StreamName=outputs["Stream"], Records=records)
    worked_on, failed = Received(cloud, outputs["Queue"]), Received(cloud, outputs["Failed"])
    eventually(lambda: {f"{bad}-{number}" for number in range(3)} <= set(worked_on.all()), within=30)
    (message,) = eventually(failed.all, within=30)
    about = json.loads(message)
    assert about["requestContext"]["condition"] == "RetryAttemptsExhausted"
    batch = about["KinesisBatchInfo"]
    iterator = kinesis.get_shard_iterator(
        StreamName=outputs["Stream"],
        ShardId=batch["shardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=batch["startSequenceNumber"],
    )["ShardIterator"]
    assert kinesis.get_records(ShardIterator=iterator)["Records"][0]["Data"] == bad.encode()
    if bad == "poison":
        assert batch["batchSize"] == 1
        eventually(lambda: {f"{bad}-{number}" for number in range(3, 6)} <= set(worked_on.all()), within=30)
    else:
        # What is reported keeps failing at the head of its batch: the batch is given up whole, as the message says.
        assert batch["batchSize"] == 4


def test_data_arrives_as_it_was_put(outputs: dict[str, str], cloud: LocalCloud, eventually: Callable[..., Any]) -> None:
    text = base64.b64encode(b"looks like base64").decode()
    cloud.client("kinesis").put_record(StreamName=outputs["Stream"], Data=text.encode(), PartitionKey="a")
    received = Received(cloud, outputs["Queue"])
    eventually(lambda: text in received.all(), within=30)
