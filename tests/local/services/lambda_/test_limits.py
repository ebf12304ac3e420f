"""Functions that AWS refuses: too long, too large, or with variables that it does not take."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.services.lambda_.limits import problem_of
from tests.local.conftest import Stacks
from tests.local.resources import function, role

ROLE = "arn:aws:iam::000000000000:role/front-desk"


def variables(**values: str) -> dict[str, Any]:
    return {"Environment": {"Variables": values}}


@pytest.mark.parametrize(
    ("refused", "code", "said"),
    [
        ({"Timeout": 901}, "ValidationException", "'901' at 'timeout'.*less than or equal to 900"),
        ({"Timeout": 0}, "ValidationException", "greater than or equal to 1"),
        ({"MemorySize": 10_241}, "ValidationException", "at 'memorySize'"),
        ({"MemorySize": "127"}, "ValidationException", "greater than or equal to 128"),
        (variables(AWS_REGION="x", LAMBDA_TASK_ROOT="x"), "InvalidParameterValueException", "AWS_REGION, LAMBDA_TASK"),
        (variables(**{"a b": "x"}), "ValidationException", "'a b'"),
        (variables(A="x" * 4_090), "ValidationException", "'A'"),
        (variables(TEXT="x" * 4_090), "InvalidParameterValueException", "exceeded the 4KB limit"),
        (variables(TEXT="あ" * 1_400), "InvalidParameterValueException", "exceeded the 4KB limit"),
    ],
)
def test_what_aws_refuses_has_its_code(refused: dict[str, Any], code: str, said: str) -> None:
    found = problem_of(refused)
    assert found is not None
    assert found[0] == code
    with pytest.raises(ValueError, match=said):
        raise ValueError(found[1])


@pytest.mark.parametrize(
    "taken",
    [
        {},
        {"Timeout": 900, "MemorySize": "10240"},
        variables(TEXT="x" * 4_080),
        variables(AWS_LAMBDA_EXEC_WRAPPER="/opt/x"),
    ],
)
def test_the_limits_themselves_are_taken(taken: dict[str, Any]) -> None:
    assert problem_of(taken) is None


def test_requests_and_templates_are_refused(cloud: LocalCloud, stacks: Stacks, name: Callable[[str], str]) -> None:
    client = cloud.client("lambda")
    function = {"Role": ROLE, "Runtime": "python3.13", "Handler": "index.handler", "Timeout": 901}
    with pytest.raises(ClientError, match=r"ValidationException.*at 'timeout'"):
        client.create_function(FunctionName=name("long"), Code={"ZipFile": b"code"}, **function)
    resource = {"Type": "AWS::Lambda::Function", "Properties": {**function, "Code": {"ZipFile": "def handler(): ..."}}}
    with pytest.raises(AssertionError, match="Status Code: 400"):
        stacks.deploy({"Resources": {"Function": resource}})


def test_an_answer_that_is_too_large_is_an_error_of_the_function(cloud: LocalCloud, stacks: Stacks) -> None:
    code = "def handler(event, context):\n    return 'x' * event['size']\n"
    template = {
        "Resources": {"Role": role(), "Large": function(code, "Role")},
        "Outputs": {"Name": {"Value": {"Ref": "Large"}}},
    }
    name = stacks.deploy(template)["Name"]

    def answer(size: int) -> tuple[str | None, Any]:
        said = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps({"size": size}))
        return said.get("FunctionError"), json.loads(said["Payload"].read())

    assert answer(6_291_554) == (None, "x" * 6_291_554)
    failed, said = answer(6_291_555)
    assert (failed, said["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")
