"""Functions on Node.js without the AWS SDK that Lambda's runtimes bring: what they are told, and what is not told."""

import json
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.kit.node_sdk import COMMAND
from cdp_constructs.local.process import node_sdk
from tests.local.resources import function, role

CASES = {
    "Client": ("@aws-sdk/client-macie2", "nodejs22.x"),
    "Library": ("@aws-sdk/middleware-of-nobody", "nodejs18.x"),
    "Own": ("left-out-of-the-package", "nodejs22.x"),
    "OldOfNew": ("aws-sdk/clients/s3", "nodejs20.x"),
}


@pytest.fixture(scope="module")
def functions(stacks: Any) -> dict[str, str]:
    made = {
        name: function(f"require('{module}'); exports.handler = async () => 1", "Role", Runtime=runtime)
        for name, (module, runtime) in CASES.items()
    }
    outputs: dict[str, str] = stacks.deploy(
        {"Resources": {"Role": role(), **made}, "Outputs": {name: {"Value": {"Ref": name}} for name in made}}
    )
    return outputs


@pytest.mark.parametrize("name", CASES)
def test_a_module_that_is_missing_is_named(cloud: LocalCloud, functions: dict[str, str], name: str) -> None:
    answer = cloud.client("lambda").invoke(FunctionName=functions[name])
    error = json.load(answer["Payload"])
    module = CASES[name][0]
    of_runtime = name in {"Client", "Library"}
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert error["errorMessage"].startswith(f"Error: Cannot find module '{module}'")
    assert ("Lambda's runtime has it" in error["errorMessage"]) is of_runtime
    installed = node_sdk.is_installed()
    assert (COMMAND in error["errorMessage"]) is (of_runtime and not installed)


def test_a_payload_is_the_json_that_node_writes(cloud: LocalCloud, stacks: Any) -> None:
    code = "exports.handler = async (event) => ({ got: [event.a, 'ü'] })"
    outputs = stacks.deploy(
        {
            "Resources": {"Role": role(), "Function": function(code, "Role", Runtime="nodejs22.x")},
            "Outputs": {"Function": {"Value": {"Ref": "Function"}}},
        }
    )
    answer = cloud.client("lambda").invoke(FunctionName=outputs["Function"], Payload=b'{"a": 7}')
    assert answer["Payload"].read().decode() == '{"got":[7,"ü"]}'
