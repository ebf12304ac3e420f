"""Asynchronous invocations: one id for all attempts, waiting for concurrency, second deliveries."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.resources import allow, arn, function, role

REGION = "us-west-2"
CODE = """
import boto3, json, os, time
def handler(event, context):
    body = json.dumps({"id": context.aws_request_id, "event": event})
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=body)
    time.sleep(event.get("seconds", 0))
    if event.get("fail"): raise ValueError("wrong")
    return context.aws_request_id
"""


def _named(name: str, **properties: Any) -> dict[str, Any]:
    variables = {"Variables": {"QUEUE": {"Ref": "Seen"}}}
    return {
        name: function(CODE, "Role", Environment=variables, **properties),
        f"{name}Settings": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": name},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 1,
                "MaximumEventAgeInSeconds": 3600,
                "DestinationConfig": {"OnFailure": {"Destination": arn("Failed")}},
            },
        },
    }


@pytest.fixture(scope="module")
def deployed(stacks: Any) -> dict[str, str]:
    queue = {"Type": "AWS::SQS::Queue"}
    outputs: dict[str, str] = stacks.deploy(
        {
            "Resources": {
                "Seen": queue,
                "Failed": queue,
                "Role": role(allow(["sqs:SendMessage"], arn("Seen"), arn("Failed"))),
                **_named("Function"),
                **_named("Narrow", ReservedConcurrentExecutions=1),
                **_named("Closed", ReservedConcurrentExecutions=0),
            },
            "Outputs": {name: {"Value": {"Ref": name}} for name in ("Seen", "Failed", "Function", "Narrow", "Closed")},
        },
        region=REGION,
    )
    return outputs


def send(cloud: LocalCloud, name: str, **event: Any) -> str:
    client = cloud.client("lambda", region=REGION)
    answer = client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))
    return str(answer["ResponseMetadata"]["RequestId"])


def test_a_function_has_the_id_that_its_client_gets(
    cloud: LocalCloud, deployed: dict[str, str], taken: Callable[..., Any]
) -> None:
    answer = cloud.client("lambda", region=REGION).invoke(FunctionName=deployed["Function"])
    assert json.loads(answer["Payload"].read()) == answer["ResponseMetadata"]["RequestId"]
    taken(deployed["Seen"])


def test_all_attempts_have_one_id(cloud: LocalCloud, deployed: dict[str, str], taken: Callable[..., Any]) -> None:
    request_id = send(cloud, deployed["Function"], fail=True)
    assert [json.loads(one["Body"])["id"] for one in taken(deployed["Seen"], 2)] == [request_id] * 2
    record = json.loads(taken(deployed["Failed"])[0]["Body"])
    assert record["requestContext"]["requestId"] == request_id
    assert record["requestContext"]["condition"] == "RetriesExhausted"


def test_what_finds_no_concurrency_waits_and_loses_no_attempt(
    cloud: LocalCloud, deployed: dict[str, str], taken: Callable[..., Any]
) -> None:
    for number in range(4):
        send(cloud, deployed["Narrow"], number=number, seconds=0.7)
    seen = [json.loads(one["Body"])["event"]["number"] for one in taken(deployed["Seen"], 4)]
    assert sorted(seen) == [0, 1, 2, 3]


def test_what_is_too_old_is_given_up(cloud: LocalCloud, deployed: dict[str, str], taken: Callable[..., Any]) -> None:
    send(cloud, deployed["Narrow"], busy=True, seconds=5)
    taken(deployed["Seen"])
    send(cloud, deployed["Narrow"], late=True)
    time.sleep(0.5)
    cloud.age_events(hours=1)
    record = json.loads(taken(deployed["Failed"])[0]["Body"])
    assert record["requestPayload"] == {"late": True}
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 0


def test_a_function_without_concurrency_keeps_its_events_at_once(
    cloud: LocalCloud, deployed: dict[str, str], taken: Callable[..., Any]
) -> None:
    send(cloud, deployed["Closed"])
    record = json.loads(taken(deployed["Failed"])[0]["Body"])
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"


def test_an_event_is_delivered_twice_under_one_id(
    cloud: LocalCloud, deployed: dict[str, str], taken: Callable[..., Any]
) -> None:
    with cloud.deliver_twice(deployed["Function"], REGION):
        request_id = send(cloud, deployed["Function"])
    assert [json.loads(one["Body"])["id"] for one in taken(deployed["Seen"], 2)] == [request_id] * 2
