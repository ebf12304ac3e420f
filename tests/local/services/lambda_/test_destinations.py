"""Destinations of asynchronous invocations: results and failures, to all five kinds, under the function's role."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.resources import allow, arn, function, role

CODE = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("wrong")
    return {"got": event}
"""
RECEIVER = """
import boto3, json, os
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""
BUS = {"Fn::Sub": "arn:aws:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"}


def _settings(of: str, success: Any = None, failure: Any = None) -> dict[str, Any]:
    destinations = {"OnSuccess": success, "OnFailure": failure}
    return {
        "Type": "AWS::Lambda::EventInvokeConfig",
        "Properties": {
            "FunctionName": {"Ref": of},
            "Qualifier": "$LATEST",
            "MaximumRetryAttempts": 0,
            "DestinationConfig": {kind: {"Destination": to} for kind, to in destinations.items() if to},
        },
    }


@pytest.fixture(scope="module")
def deployed(stacks: Any) -> dict[str, str]:
    queue = {"Type": "AWS::SQS::Queue"}
    to_queue = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn("ByEvents")}
    topic = {
        "Type": "AWS::SNS::Topic",
        "Properties": {"Subscription": [{"Protocol": "lambda", "Endpoint": arn("Receiver")}]},
    }
    outputs: dict[str, str] = stacks.deploy(
        {
            "Resources": {
                "Results": queue,
                "Received": queue,
                "ByEvents": queue,
                "Forbidden": queue,
                "Bucket": {"Type": "AWS::S3::Bucket"},
                "Topic": topic,
                "FromTopic": {
                    "Type": "AWS::Lambda::Permission",
                    "Properties": {
                        "Action": "lambda:InvokeFunction",
                        "FunctionName": {"Ref": "Receiver"},
                        "Principal": "sns.amazonaws.com",
                    },
                },
                "Rule": {
                    "Type": "AWS::Events::Rule",
                    "Properties": {
                        "EventPattern": {"source": ["lambda"]},
                        "Targets": [{"Id": "queue", "Arn": arn("ByEvents")}],
                    },
                },
                "QueuePolicy": {
                    "Type": "AWS::SQS::QueuePolicy",
                    "Properties": {"Queues": [{"Ref": "ByEvents"}], "PolicyDocument": {"Statement": [to_queue]}},
                },
                "ReceiverRole": role(allow(["sqs:SendMessage"], arn("Received"))),
                "Role": role(
                    allow(["sqs:SendMessage"], arn("Results")),
                    allow(["sns:Publish"], {"Ref": "Topic"}),
                    allow(["events:PutEvents"], BUS),
                    allow(["s3:PutObject"], {"Fn::Sub": "${Bucket.Arn}/*"}),
                    allow(["lambda:InvokeFunction"], arn("Receiver")),
                ),
                "Receiver": function(
                    RECEIVER, "ReceiverRole", Environment={"Variables": {"QUEUE": {"Ref": "Received"}}}
                ),
                "ToQueue": function(CODE, "Role"),
                "ToBus": function(CODE, "Role"),
                "ToFunction": function(CODE, "Role"),
                "NotAllowed": function(CODE, "Role"),
                "S1": _settings("ToQueue", arn("Results"), arn("Bucket")),
                "S2": _settings("ToBus", BUS, BUS),
                "S3": _settings("ToFunction", arn("Receiver"), {"Ref": "Topic"}),
                "S4": _settings("NotAllowed", arn("Forbidden")),
            },
            "Outputs": {
                name: {"Value": {"Ref": name}}
                for name in (
                    *("Results", "Received", "ByEvents", "Forbidden", "Bucket"),
                    *("ToQueue", "ToBus", "ToFunction", "NotAllowed"),
                )
            },
        },
        region="us-west-2",
    )
    return outputs


@pytest.fixture
def invoke(cloud: LocalCloud, deployed: dict[str, str]) -> Callable[..., None]:
    def send(name: str, **event: Any) -> None:
        client = cloud.client("lambda", region="us-west-2")
        client.invoke(FunctionName=deployed[name], InvocationType="Event", Payload=json.dumps(event))

    return send


def test_a_result_goes_to_a_queue(
    deployed: dict[str, str], invoke: Callable[..., None], taken: Callable[..., list[dict[str, Any]]]
) -> None:
    invoke("ToQueue", order=1)
    record = json.loads(taken(deployed["Results"])[0]["Body"])
    assert record["requestPayload"] == {"order": 1}
    assert record["responsePayload"] == {"got": {"order": 1}}
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestContext"]["functionArn"].endswith(f"function:{deployed['ToQueue']}:$LATEST")
    assert "functionError" not in record["responseContext"]


def test_a_failure_goes_to_a_bucket_after_as_many_attempts_as_are_set(
    cloud: LocalCloud, deployed: dict[str, str], invoke: Callable[..., None], eventually: Callable[..., Any]
) -> None:
    invoke("ToQueue", fail=True)
    s3 = cloud.client("s3", region="us-west-2")
    prefix = f"aws/lambda/async/{deployed['ToQueue']}/"
    [stored] = eventually(lambda: s3.list_objects_v2(Bucket=deployed["Bucket"], Prefix=prefix).get("Contents"))
    record = json.load(s3.get_object(Bucket=deployed["Bucket"], Key=stored["Key"])["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "wrong"


def test_both_go_to_an_event_bus(
    deployed: dict[str, str], invoke: Callable[..., None], taken: Callable[..., list[dict[str, Any]]]
) -> None:
    invoke("ToBus", order=2)
    invoke("ToBus", fail=True)
    events = [json.loads(message["Body"]) for message in taken(deployed["ByEvents"], 2)]
    assert {event["detail-type"] for event in events} == {
        "Lambda Function Invocation Result - Success",
        "Lambda Function Invocation Result - Failure",
    }
    assert all(event["source"] == "lambda" for event in events)


def test_a_result_goes_to_a_function_and_a_failure_to_a_topic(
    deployed: dict[str, str], invoke: Callable[..., None], taken: Callable[..., list[dict[str, Any]]]
) -> None:
    invoke("ToFunction", order=3)
    invoke("ToFunction", fail=True)
    events = [json.loads(message["Body"]) for message in taken(deployed["Received"], 2)]
    [result] = [event for event in events if "Records" not in event]
    [failure] = [json.loads(event["Records"][0]["Sns"]["Message"]) for event in events if "Records" in event]
    assert result["responsePayload"] == {"got": {"order": 3}}
    assert failure["requestPayload"] == {"fail": True}


def test_without_permission_nothing_is_delivered_and_that_is_counted(
    cloud: LocalCloud, deployed: dict[str, str], invoke: Callable[..., None], eventually: Callable[..., Any]
) -> None:
    invoke("NotAllowed", order=4)

    def failed() -> bool:
        now = cloud.metrics.now()
        metrics = cloud.client("cloudwatch", region="us-west-2").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="DestinationDeliveryFailures",
            Dimensions=[{"Name": "FunctionName", "Value": deployed["NotAllowed"]}],
            StartTime=now.replace(second=0) - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in metrics["Datapoints"]) == 1

    eventually(failed, within=20)
    sqs = cloud.client("sqs", region="us-west-2")
    assert "Messages" not in sqs.receive_message(QueueUrl=deployed["Forbidden"])
