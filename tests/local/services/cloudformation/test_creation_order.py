"""Resources that do not depend on each other: custom ones that wait for each other, and roles without their policy."""

from typing import Any

import pytest

from tests.local.resources import allow, arn, function, role

CODE = """
import boto3, cfnresponse, os

def handler(event, context):
    sqs, data = boto3.client("sqs"), {}
    if event["RequestType"] == "Create" and event["ResourceProperties"]["Does"] == "send":
        sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody="sent")
    if event["RequestType"] == "Create" and event["ResourceProperties"]["Does"] == "wait":
        found = sqs.receive_message(QueueUrl=os.environ["QUEUE"], WaitTimeSeconds=2).get("Messages")
        if not found:
            cfnresponse.send(event, context, cfnresponse.FAILED, {}, reason="no message")
            return
        data = {"Body": found[0]["Body"]}
    cfnresponse.send(event, context, cfnresponse.SUCCESS, data)
"""


def _custom(does: str, **options: Any) -> dict[str, Any]:
    return {"Type": "Custom::Step", "Properties": {"ServiceToken": arn("Function"), "Does": does}, **options}


def test_they_are_made_in_the_order_of_the_template(stacks: Any) -> None:
    environment = {"Variables": {"QUEUE": {"Ref": "Queue"}}}
    may = allow(["sqs:SendMessage", "sqs:ReceiveMessage"], arn("Queue"))
    resources = {
        "Sends": _custom("send"),
        "ReceivesWhatComes": _custom("wait"),
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Role": role(may),
        "Function": function(CODE, "Role", Environment=environment, Timeout=30),
    }
    outputs = stacks.deploy(
        {"Resources": resources, "Outputs": {"Body": {"Value": {"Fn::GetAtt": ["ReceivesWhatComes", "Body"]}}}}
    )
    assert outputs["Body"] == "sent"


def test_what_one_depends_on_comes_first_whatever_the_order(stacks: Any) -> None:
    environment = {"Variables": {"QUEUE": {"Ref": "Queue"}}}
    may = allow(["sqs:SendMessage", "sqs:ReceiveMessage"], arn("Queue"))
    resources = {
        "Receives": _custom("wait", DependsOn="Sends"),
        "Sends": _custom("send"),
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Role": role(may),
        "Function": function(CODE, "Role", Environment=environment, Timeout=30),
    }
    outputs = stacks.deploy(
        {"Resources": resources, "Outputs": {"Body": {"Value": {"Fn::GetAtt": ["Receives", "Body"]}}}}
    )
    assert outputs["Body"] == "sent"


def test_a_pipe_is_made_once_its_role_has_its_policy(stacks: Any) -> None:
    by_pipes = role(service="pipes")
    pipe = {"RoleArn": arn("Role"), "Source": arn("Source"), "Target": arn("Target")}
    rights = [
        allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], arn("Source")),
        allow("sqs:SendMessage", arn("Target")),
    ]
    policy = {"PolicyName": "own", "PolicyDocument": {"Statement": rights}, "Roles": [{"Ref": "Role"}]}
    resources = {
        "APipe": {"Type": "AWS::Pipes::Pipe", "Properties": pipe},
        "Role": by_pipes,
        "Source": {"Type": "AWS::SQS::Queue"},
        "Target": {"Type": "AWS::SQS::Queue"},
        "ZPolicy": {"Type": "AWS::IAM::Policy", "Properties": policy},
    }
    assert stacks.deploy({"Resources": resources, "Outputs": {"Pipe": {"Value": {"Ref": "APipe"}}}})["Pipe"]


def test_a_circle_is_refused(stacks: Any) -> None:
    resources = {
        "One": _custom("send", DependsOn="Two"),
        "Two": _custom("send", DependsOn="One"),
        "Role": role(),
        "Function": function(CODE, "Role"),
    }
    with pytest.raises(Exception, match=r"ircular"):
        stacks.deploy({"Resources": resources})
