"""Functions import their code, their layers and what Lambda's runtime has: nothing else of the server's environment."""

import json
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud

POWERTOOLS = "/aws/service/powertools/python/arm64/python3.14/latest"
HANDLER = """
import os, sys
def handler(event, context):
    module = __import__(event["import"])
    return {"file": module.__file__, "exit": callable(exit), "path": os.environ.get("PYTHONPATH")}
"""
AT_START = "import MODULE\ndef handler(event, context):\n    return 'imported'\n"


@pytest.fixture(scope="module")
def functions(stacks: Any) -> dict[str, str]:
    """Deploy a function without layers and one with the layer of Powertools."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    common = {
        "Runtime": "python3.14",
        "Handler": "index.handler",
        "Code": {"ZipFile": HANDLER},
        "Timeout": 30,
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
    }
    at_start = {**common, "Code": {"ZipFile": AT_START.replace("MODULE", "uvicorn")}}
    template = {
        "Parameters": {"Layer": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": POWERTOOLS}},
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": [trust]}}},
            "Plain": {"Type": "AWS::Lambda::Function", "Properties": common},
            "AtStart": {"Type": "AWS::Lambda::Function", "Properties": at_start},
            "Layered": {"Type": "AWS::Lambda::Function", "Properties": {**common, "Layers": [{"Ref": "Layer"}]}},
        },
        "Outputs": {name: {"Value": {"Ref": name}} for name in ("Plain", "AtStart", "Layered")},
    }
    outputs: dict[str, str] = stacks.deploy(template)
    return outputs


def imported(cloud: LocalCloud, function: str, module: str) -> dict[str, Any]:
    answer = cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"import": module}))
    result: dict[str, Any] = json.load(answer["Payload"])
    return result


@pytest.mark.parametrize("module", ["boto3", "botocore", "jmespath", "s3transfer", "dateutil", "urllib3"])
def test_what_the_runtime_has_is_imported(cloud: LocalCloud, functions: dict[str, str], module: str) -> None:
    answer = imported(cloud, functions["Plain"], module)
    assert module in answer["file"]
    assert answer["exit"] is True


@pytest.mark.parametrize(
    "module", ["ministack", "uvicorn", "yaml", "typer", "pytest", "cdp_constructs", "aws_cdk", "httpx", "PIL"]
)
@pytest.mark.parametrize("function", ["Plain", "Layered"])
def test_nothing_else_of_the_environment_is_imported(
    cloud: LocalCloud, functions: dict[str, str], function: str, module: str
) -> None:
    answer = imported(cloud, functions[function], module)
    assert answer["errorMessage"] == f"No module named '{module}'"


@pytest.mark.parametrize("module", ["aws_lambda_powertools", "pydantic", "cryptography", "jwt", "aws_xray_sdk"])
def test_what_the_layer_of_powertools_has_comes_with_it(
    cloud: LocalCloud, functions: dict[str, str], module: str
) -> None:
    assert module in imported(cloud, functions["Layered"], module)["file"]
    assert imported(cloud, functions["Plain"], module)["errorMessage"] == f"No module named '{module}'"


def test_a_module_that_is_missing_at_the_start_is_named_as_on_aws(cloud: LocalCloud, functions: dict[str, str]) -> None:
    answer = imported(cloud, functions["AtStart"], "json")
    assert answer["errorType"] == "Runtime.ImportModuleError"
    assert answer["errorMessage"] == "Unable to import module 'index': No module named 'uvicorn'"
