"""Step Functions: paths that lead nowhere, arguments of intrinsic functions, and JSONata of states with branches."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.resources import arn

ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "states.amazonaws.com"}}
            ]
        },
        "Policies": [
            {
                "PolicyName": "map",
                "PolicyDocument": {
                    "Statement": [
                        {"Effect": "Allow", "Action": ["s3:GetObject", "states:StartExecution"], "Resource": "*"}
                    ]
                },
            }
        ],
    },
}
TEMPLATE: dict[str, Any] = {
    "Resources": {"Role": ROLE, "Bucket": {"Type": "AWS::S3::Bucket"}},
    "Outputs": {"Role": {"Value": arn("Role")}, "Bucket": {"Value": {"Ref": "Bucket"}}},
}
PASS = {"Type": "Pass", "End": True}
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def outputs(stacks: Any) -> dict[str, str]:
    return stacks.deploy(TEMPLATE)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def run(cloud: LocalCloud, outputs: dict[str, str], eventually: Callable[..., Any]) -> Run:
    states = cloud.client("stepfunctions")
    made = iter(range(1000))

    def execute(state: dict[str, Any], given: Any = None, **more: Any) -> dict[str, Any]:
        definition = {"StartAt": "First", "States": {"First": state, **more.pop("others", {})}, **more}
        name = f"expressions-{next(made)}"
        machine = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=outputs["Role"])
        execution = states.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(given or {}))

        def ended() -> Any:
            found = states.describe_execution(executionArn=execution["executionArn"])
            return found if found["status"] != "RUNNING" else None

        found: dict[str, Any] = eventually(ended)
        return found

    return execute


def parameters(run: Run, expression: str, given: Any = None) -> dict[str, Any]:
    return run({**PASS, "Parameters": {"a.$": expression}}, given)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("States.ArrayGetItem($.items, 1)", 2),
        ("States.ArrayGetItem($.items, 5)", None),
        ("States.ArrayPartition($.items, 2)", [[1, 2], [3]]),
        ("$.null", None),
        ("$.items[0]", 1),
        ("$.items[*].none", []),
        ("$['items'][2]", 3),
    ],
)
def test_an_expression_has_its_value(run: Run, expression: str, value: Any) -> None:
    ended = parameters(run, expression, {"items": [1, 2, 3], "null": None})
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"a": value})


@pytest.mark.parametrize(
    "expression",
    [
        "States.ArrayGetItem($.text, 1.5)",
        "States.ArrayPartition($.items, 0)",
        "States.ArrayRange(1, 9, 0)",
        "States.MathAdd('a', 1)",
        "States.StringToJson('{')",
        "States.JsonMerge($.text, $.items, false)",
        "States.ArrayLength($.number)",
    ],
)
def test_wrong_arguments_are_an_error_of_the_function(run: Run, expression: str) -> None:
    ended = parameters(run, expression, {"items": [1, 2, 3], "text": "x", "number": 1})
    name = expression.partition("(")[0]
    assert (ended["status"], ended["error"]) == ("FAILED", "States.IntrinsicFailure")
    assert ended["cause"] == f"The function '{name}' had the following error: Invalid arguments in {name}"


@pytest.mark.parametrize("expression", ["$.none", "$.items[7]", "$.items.none", "$['no ne']"])
def test_a_path_that_leads_nowhere_ends_the_execution(run: Run, expression: str) -> None:
    ended = parameters(run, expression, {"items": [1]})
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
    assert f"The JSONPath '{expression}' specified for the field 'a.$' could not be found" in ended["cause"]


def test_a_parallel_state_has_the_fields_of_jsonata(run: Run) -> None:
    branch = {"StartAt": "In", "States": {"In": {**PASS, "Output": "{% $states.input.n + 1 %}"}}}
    state = {
        "Type": "Parallel",
        "Branches": [branch, branch],
        "Arguments": {"n": "{% $states.input.start %}"},
        "Output": {"sum": "{% $sum($states.result) %}", "start": "{% $states.input.start %}"},
        "Assign": {"first": "{% $states.result[0] %}"},
        "Next": "Second",
    }
    second = {"Second": {**PASS, "Output": {"given": "{% $states.input %}", "first": "{% $first %}"}}}
    ended = run(state, {"start": 4}, QueryLanguage="JSONata", others=second)
    assert ended["status"] == "SUCCEEDED", (ended.get("error"), ended.get("cause"))
    assert json.loads(ended["output"]) == {"given": {"sum": 10, "start": 4}, "first": 5}


def distributed(**fields: Any) -> dict[str, Any]:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "In",
        "States": {"In": PASS},
    }
    return {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}


def test_a_distributed_map_has_the_fields_of_jsonata(cloud: LocalCloud, outputs: dict[str, str], run: Run) -> None:
    cloud.client("s3").put_object(Bucket=outputs["Bucket"], Key="a.csv", Body=b"a,b\n1,2\n3,4")
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
        "Arguments": {"Bucket": outputs["Bucket"], "Key": "{% $states.input.key %}"},
    }
    selector = {"value": "{% $states.context.Map.Item.Value.a %}", "of": "{% $states.input.key %}"}
    ended = run(
        distributed(ItemReader=reader, ItemSelector=selector, Output="{% $states.result.value %}"),
        {"key": "a.csv"},
        QueryLanguage="JSONata",
    )
    assert ended["status"] == "SUCCEEDED", (ended.get("error"), ended.get("cause"))
    assert json.loads(ended["output"]) == ["1", "3"]

    items = distributed(Items="{% $states.input.items %}", ItemSelector="{% $states.context.Map.Item.Value * 2 %}")
    ended = run(items, {"items": [1, 2]}, QueryLanguage="JSONata")
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", [2, 4])


def test_what_cannot_be_assigned_is_caught(run: Run) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}]
    failed = {"Failed": {"Type": "Fail", "Error": "ErrorHappened", "Cause": "We got stuck"}}
    state = distributed(Items=[1], Assign={"id": "{% $invalidFunction() %}"}, Catch=catch)
    ended = run(state, QueryLanguage="JSONata", others=failed)
    assert (ended["status"], ended["cause"]) == ("FAILED", "We got stuck")
