"""Functions whose code stands in the template: the name of their file, and the module for custom resources."""

import json
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.resources import arn, function, role

IN_PYTHON = """
import cfnresponse
def handler(event, context):
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Said": "python"}, "own-id")
"""
IN_NODE = """
const response = require("cfn-response");
exports.handler = (event, context) => {
  response.send(event, context, response.SUCCESS, { Said: "node" });
};
"""


def _custom(name: str) -> dict[str, Any]:
    return {"Type": "Custom::Said", "Properties": {"ServiceToken": arn(name)}}


def test_custom_resources_answer_by_the_module_of_their_runtime(stacks: Any) -> None:
    outputs = stacks.deploy(
        {
            "Resources": {
                "Role": role(),
                "Python": function(IN_PYTHON, "Role"),
                "Node": function(IN_NODE, "Role", Runtime="nodejs22.x"),
                "OfPython": _custom("Python"),
                "OfNode": _custom("Node"),
            },
            "Outputs": {
                "Python": {"Value": {"Fn::GetAtt": ["OfPython", "Said"]}},
                "Id": {"Value": {"Ref": "OfPython"}},
                "Node": {"Value": {"Fn::GetAtt": ["OfNode", "Said"]}},
            },
        }
    )
    assert outputs == {"Python": "python", "Id": "own-id", "Node": "node"}


@pytest.mark.parametrize(
    ("runtime", "code"),
    [("python3.14", "def handler(event, context): return 1"), ("nodejs22.x", "exports.handler = async () => 1")],
)
def test_a_handler_in_another_file_is_not_found(cloud: LocalCloud, stacks: Any, runtime: str, code: str) -> None:
    outputs = stacks.deploy(
        {
            "Resources": {
                "Role": role(),
                "Function": function(code, "Role", Runtime=runtime, Handler="orders.handler"),
            },
            "Outputs": {"Function": {"Value": {"Ref": "Function"}}},
        }
    )
    answer = cloud.client("lambda").invoke(FunctionName=outputs["Function"])
    assert answer["FunctionError"] == "Unhandled"
    assert json.load(answer["Payload"])["errorType"] == "Runtime.ImportModuleError"
