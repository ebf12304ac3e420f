"""Step Functions: a task may do what the role of its state machine allows."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.resources import arn

TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "states.amazonaws.com"}}
SEND = "arn:aws:states:::{}sqs:sendMessage"


def _task(resource: str, **parameters: str) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}


MESSAGE = {"QueueUrl.$": "$.queue", "MessageBody": "hello"}
TASKS = {
    "Optimized": _task(SEND.format(""), **MESSAGE),
    "Sdk": _task(SEND.format("aws-sdk:"), **MESSAGE),
    "Waiting": _task(f"{SEND.format('aws-sdk:')}.waitForTaskToken", **MESSAGE),
    "Table": _task("arn:aws:states:::dynamodb:getItem", **{"TableName": "given", "Key.$": "$.key"}),
    "Function": _task("arn:aws:states:::lambda:invoke", FunctionName="given"),
    "Distributed": {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "One",
            "States": {"One": {"Type": "Pass", "End": True}},
        },
        "End": True,
    },
}


@pytest.fixture(scope="module")
def deployed(stacks: Any) -> dict[str, str]:
    allowed = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn("Queue")}
    policy = {"PolicyName": "tasks", "PolicyDocument": {"Version": "2012-10-17", "Statement": [allowed]}}
    role = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [TRUST]}, "Policies": [policy]}
    machines = {
        name: {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": arn("Role"),
                "DefinitionString": json.dumps({"StartAt": "Do", "States": {"Do": task}}),
            },
        }
        for name, task in TASKS.items()
    }
    queues = {name: {"Type": "AWS::SQS::Queue"} for name in ("Queue", "Other")}
    outputs: dict[str, str] = stacks.deploy(
        {
            "Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": role}, **queues, **machines},
            "Outputs": {name: {"Value": {"Ref": name}} for name in (*queues, *machines)},
        }
    )
    return outputs


@pytest.fixture
def end(cloud: LocalCloud, deployed: dict[str, str], eventually: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    def run(machine: str, **event: Any) -> dict[str, Any]:
        states = cloud.client("stepfunctions")
        execution = states.start_execution(stateMachineArn=deployed[machine], input=json.dumps(event))["executionArn"]
        found: dict[str, Any] = eventually(
            lambda: (
                (described := states.describe_execution(executionArn=execution))["status"] != "RUNNING" and described
            )
        )
        return found

    return run


@pytest.mark.parametrize("machine", ["Optimized", "Sdk"])
def test_what_the_role_allows_is_done(
    machine: str, deployed: dict[str, str], end: Callable[..., dict[str, Any]]
) -> None:
    assert end(machine, queue=deployed["Queue"])["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("machine", "error"),
    [
        ("Optimized", "SQS.AmazonSQSException"),
        ("Sdk", "Sqs.SqsException"),
        ("Waiting", "Sqs.SqsException"),
        ("Table", "DynamoDB.AmazonDynamoDBException"),
        ("Function", "Lambda.AWSLambdaException"),
        ("Distributed", "StepFunctions.AWSStepFunctionsException"),
    ],
)
def test_what_the_role_does_not_allow_fails(
    machine: str, error: str, deployed: dict[str, str], end: Callable[..., dict[str, Any]]
) -> None:
    ended = end(machine, queue=deployed["Other"], key={"id": {"S": "1"}}, items=[1])
    assert (ended["status"], ended["error"]) == ("FAILED", error)
    assert "is not authorized to perform" in ended["cause"]
