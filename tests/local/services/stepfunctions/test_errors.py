"""Step Functions: an error of a function is retried and caught by the name that the function gave it."""

import json
from collections.abc import Callable
from typing import Any

from cdp_constructs.local import LocalCloud

CODE = """
class Busy(Exception):
    pass

def handler(event, context):
    raise Busy("come again") if event.get("busy") else ValueError("wrong")
"""
TRUST: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]},
            "Action": "sts:AssumeRole",
        }
    ],
}
DEFINITION = {
    "StartAt": "Work",
    "States": {
        "Work": {
            "Type": "Task",
            "Resource": "${Function}",
            "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1}],
            "Catch": [
                {"ErrorEquals": ["Busy"], "ResultPath": "$.error", "Next": "StillBusy"},
                {"ErrorEquals": ["ValueError"], "ResultPath": "$.error", "Next": "Wrong"},
            ],
            "End": True,
        },
        "StillBusy": {"Type": "Pass", "Result": "still busy", "End": True},
        "Wrong": {"Type": "Pass", "Result": "wrong", "End": True},
    },
}
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": TRUST,
                "Policies": [
                    {
                        "PolicyName": "invoke",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}],
                        },
                    }
                ],
            },
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Code": {"ZipFile": CODE},
                "Handler": "index.handler",
                "Runtime": "python3.13",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            },
        },
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionString": {"Fn::Sub": json.dumps(DEFINITION).replace("${Function}", "${Function.Arn}")},
            },
        },
    },
    "Outputs": {"Machine": {"Value": {"Ref": "Machine"}}},
}


def test_errors_are_known_by_their_names(cloud: LocalCloud, stacks: Any, eventually: Callable[..., Any]) -> None:
    machine = stacks.deploy(TEMPLATE)["Machine"]
    states = cloud.client("stepfunctions")

    def run(**event: Any) -> tuple[Any, list[str]]:
        arn = states.start_execution(stateMachineArn=machine, input=json.dumps(event))["executionArn"]
        done = eventually(
            lambda: (found := states.describe_execution(executionArn=arn))["status"] != "RUNNING" and found
        )
        assert done["status"] == "SUCCEEDED", done
        history = states.get_execution_history(executionArn=arn)["events"]
        return json.loads(done["output"]), [event["type"] for event in history]

    busy, history = run(busy=True)
    wrong, _ = run()

    assert (busy, wrong) == ("still busy", "wrong")
    assert sum(kind.endswith("Failed") for kind in history) == 2, "one try, and the retry by name"
