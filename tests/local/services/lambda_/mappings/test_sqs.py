"""Event source mappings of queues: the batching window, and batches of more than ten messages."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.resources import allow, arn, function, role

WINDOW = 2
CODE = """
import boto3, json, os, time
def handler(event, context):
    seen = {"bodies": [record["body"] for record in event["Records"]], "at": time.time()}
    boto3.client("sqs").send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps(seen))
"""


def mapping(queue: str, batch_size: int, window: int) -> dict[str, Any]:
    properties = {
        "EventSourceArn": arn(queue),
        "FunctionName": {"Ref": "Function"},
        "BatchSize": batch_size,
        "MaximumBatchingWindowInSeconds": window,
    }
    return {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}


TEMPLATE = {
    "Resources": {
        **{name: {"Type": "AWS::SQS::Queue"} for name in ("Seen", "Slow", "Full")},
        "Role": role(
            allow(["sqs:SendMessage"], arn("Seen")),
            allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], arn("Slow"), arn("Full")),
        ),
        "Function": function(CODE, "Role", Timeout=5, Environment={"Variables": {"SEEN": {"Ref": "Seen"}}}),
        "SlowMapping": mapping("Slow", 100, WINDOW),
        "FullMapping": mapping("Full", 3, 300),
    },
    "Outputs": {name: {"Value": {"Ref": name}} for name in ("Seen", "Slow", "Full")},
}


@pytest.fixture(scope="module")
def queues(stacks: Any) -> dict[str, str]:
    deployed: dict[str, str] = stacks.deploy(TEMPLATE)
    return deployed


def send(cloud: LocalCloud, url: str, bodies: list[str]) -> None:
    for body in bodies:
        cloud.client("sqs").send_message(QueueUrl=url, MessageBody=body)


def seen(cloud: LocalCloud, url: str) -> dict[str, Any] | None:
    sqs = cloud.client("sqs")
    for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        batch: dict[str, Any] = json.loads(message["Body"])
        return batch
    return None


def test_a_batch_waits_for_its_window_and_may_hold_more_than_ten(
    cloud: LocalCloud, queues: dict[str, str], eventually: Callable[..., Any]
) -> None:
    began = time.time()
    bodies = [str(number) for number in range(15)]
    send(cloud, queues["Slow"], bodies)
    batch = eventually(lambda: seen(cloud, queues["Seen"]), within=20)
    assert sorted(batch["bodies"]) == sorted(bodies)
    assert batch["at"] - began >= WINDOW


def test_a_full_batch_does_not_wait(cloud: LocalCloud, queues: dict[str, str], eventually: Callable[..., Any]) -> None:
    send(cloud, queues["Full"], ["a", "b", "c"])
    batch = eventually(lambda: seen(cloud, queues["Seen"]), within=20)
    assert sorted(batch["bodies"]) == ["a", "b", "c"]
