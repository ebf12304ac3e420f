"""A report of failures that names no record of its batch is a failure of all: nothing is lost by a misspelt one."""

from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.services.lambda_.mappings.reports import failed_of
from tests.local.resources import allow, arn, function, role

KNOWN = ["a", "b", "c"]
HANDLER = """
import json
def handler(event, context):
    return {"batchItemFailures": [{"itemIdentifer": record["messageId"]} for record in event["Records"]]}
"""


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (None, set()),
        ({}, set()),
        ("text", set()),
        ({"batchItemFailures": None}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "b"}]}, {"b"}),
        ({"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "b"}]}, {"b"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, set(KNOWN)),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, set(KNOWN)),
        ({"batchItemFailures": [{"itemIdentifer": "b"}]}, set(KNOWN)),
        ({"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "x"}]}, set(KNOWN)),
        ({"batchItemFailures": [{"itemIdentifier": ["b"]}]}, set(KNOWN)),
        ({"batchItemFailures": ["b"]}, set(KNOWN)),
        ({"batchItemFailures": {"itemIdentifier": "b"}}, set(KNOWN)),
    ],
)
def test_who_failed(answer: Any, failed: set[str]) -> None:
    assert failed_of(answer, KNOWN) == failed


def test_a_queue_keeps_what_a_misspelt_report_was_about(
    cloud: LocalCloud, stacks: Any, eventually: Callable[..., Any]
) -> None:
    redrive = {"deadLetterTargetArn": arn("Dead"), "maxReceiveCount": 1}
    receives = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    queue = {"VisibilityTimeout": 1, "RedrivePolicy": redrive}
    mapping = {
        "EventSourceArn": arn("Queue"),
        "FunctionName": {"Ref": "Function"},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    outputs = stacks.deploy(
        {
            "Resources": {
                "Dead": {"Type": "AWS::SQS::Queue"},
                "Queue": {"Type": "AWS::SQS::Queue", "Properties": queue},
                "Role": role(allow(receives, arn("Queue"))),
                "Function": function(HANDLER, "Role", Timeout=1),
                "Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping},
            },
            "Outputs": {name: {"Value": {"Ref": name}} for name in ("Queue", "Dead")},
        }
    )
    sqs = cloud.client("sqs")
    sqs.send_message(QueueUrl=outputs["Queue"], MessageBody="order")
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=outputs["Dead"]).get("Messages"), within=60)
    assert message["Body"] == "order"
