"""What a rule cannot deliver goes to the dead-letter queue of its target, if the queue's policy lets the rule send."""

import json
import time
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from tests.local.resources import allow, arn, role

PASS = {"StartAt": "Rest", "States": {"Rest": {"Type": "Pass", "End": True}}}

OTHER = "arn:aws:states:*:*:stateMachine:other"


def _rule(source: str, queue: str) -> dict[str, Any]:
    target = {
        "Id": "Workflow",
        "Arn": {"Ref": "Machine"},
        "RoleArn": arn("Powerless"),
        "DeadLetterConfig": {"Arn": arn(queue)},
    }
    return {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": {"source": [source]}, "Targets": [target]}}


@pytest.fixture(scope="module")
def deployed(stacks: Any) -> dict[str, str]:
    sending = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn("Open"),
        "Condition": {"ArnEquals": {"aws:SourceArn": arn("Allowed")}},
    }
    policy = {"Queues": [{"Ref": "Open"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [sending]}}
    outputs: dict[str, str] = stacks.deploy(
        {
            "Resources": {
                "Open": {"Type": "AWS::SQS::Queue"},
                "Closed": {"Type": "AWS::SQS::Queue"},
                "Policy": {"Type": "AWS::SQS::QueuePolicy", "Properties": policy},
                "Powerless": role(
                    allow(["states:StartExecution"], "arn:aws:states:*:*:stateMachine:other"), service="events"
                ),
                "ByMachine": role(service="states"),
                "Machine": {
                    "Type": "AWS::StepFunctions::StateMachine",
                    "Properties": {"RoleArn": arn("ByMachine"), "DefinitionString": json.dumps(PASS)},
                },
                "Allowed": _rule("shop.allowed", "Open"),
                "Refused": _rule("shop.refused", "Closed"),
            },
            "Outputs": {name: {"Value": {"Ref": name}} for name in ("Open", "Closed", "Machine")},
        }
    )
    return outputs


def test_a_start_that_the_role_does_not_allow_is_kept_where_the_queue_lets_it(
    cloud: LocalCloud, deployed: dict[str, str]
) -> None:
    events, sqs = cloud.client("events"), cloud.client("sqs")
    for source in ("shop.refused", "shop.allowed"):
        events.put_events(Entries=[{"Source": source, "DetailType": "given", "Detail": '{"number": 7}'}])

    def kept(queue: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = sqs.receive_message(
            QueueUrl=deployed[queue], MessageAttributeNames=["All"], VisibilityTimeout=0
        ).get("Messages", [])
        return found

    (message,) = eventually(lambda: kept("Open"), what="the start that failed")
    assert json.loads(message["Body"])["detail"] == {"number": 7}
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "AccessDeniedException"
    assert message["MessageAttributes"]["TARGET_ARN"]["StringValue"] == deployed["Machine"]
    time.sleep(1)
    assert kept("Closed") == []
    assert cloud.client("stepfunctions").list_executions(stateMachineArn=deployed["Machine"])["executions"] == []
