"""Step Functions: the log of executions, by level and with or without data."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.resources import arn

TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "states.amazonaws.com"}}
DEFINITION = {
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.fail", "BooleanEquals": True, "Next": "No"}],
            "Default": "Yes",
        },
        "Yes": {"Type": "Pass", "End": True},
        "No": {"Type": "Fail", "Error": "Wrong"},
    },
}


def _machine(level: str, *, data: bool) -> dict[str, Any]:
    return {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "RoleArn": arn("Role"),
            "DefinitionString": json.dumps(DEFINITION),
            "LoggingConfiguration": {
                "Level": level,
                "IncludeExecutionData": data,
                "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": arn(f"{level}Group")}}],
            },
        },
    }


@pytest.fixture(scope="module")
def deployed(stacks: Any) -> dict[str, str]:
    levels = {"ALL": True, "ERROR": False}
    groups = {f"{level}Group": {"Type": "AWS::Logs::LogGroup"} for level in levels}
    machines = {level: _machine(level, data=data) for level, data in levels.items()}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": [TRUST]}}}
    outputs: dict[str, str] = stacks.deploy(
        {
            "Resources": {"Role": role, **groups, **machines},
            "Outputs": {name: {"Value": {"Ref": name}} for name in (*groups, *machines)},
        }
    )
    return outputs


def _written(cloud: LocalCloud, group: str) -> list[dict[str, Any]]:
    events = cloud.client("logs").filter_log_events(logGroupName=group)["events"]
    return [json.loads(event["message"]) for event in events]


def test_everything_is_logged_with_its_data(
    cloud: LocalCloud, deployed: dict[str, str], eventually: Callable[..., Any]
) -> None:
    states = cloud.client("stepfunctions")
    described = states.describe_state_machine(stateMachineArn=deployed["ALL"])["loggingConfiguration"]
    assert (described["level"], described["includeExecutionData"]) == ("ALL", True)
    execution = states.start_execution(stateMachineArn=deployed["ALL"], input='{"fail": false}')["executionArn"]

    def done() -> list[dict[str, Any]] | None:
        events = _written(cloud, deployed["ALLGroup"])
        return events if events and events[-1]["type"] == "ExecutionSucceeded" else None

    events = eventually(done)
    assert events[0]["type"] == "ExecutionStarted"
    assert json.loads(events[0]["details"]["input"]) == {"fail": False}
    assert [event["id"] for event in events] == [str(number + 1) for number in range(len(events))]
    assert {event["execution_arn"] for event in events} == {execution}


def test_the_level_error_has_errors_only_and_no_data(
    cloud: LocalCloud, deployed: dict[str, str], eventually: Callable[..., Any]
) -> None:
    states = cloud.client("stepfunctions")
    states.start_execution(stateMachineArn=deployed["ERROR"], input='{"fail": true}')
    [event] = eventually(lambda: _written(cloud, deployed["ERRORGroup"]))
    assert event["type"] == "ExecutionFailed"
    assert event["details"]["error"] == "Wrong"
    assert not {"input", "output"} & set(event["details"])
