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


def test_a_handler_that_answers_nothing_ends(cloud: LocalCloud, stacks: Any) -> None:
    code = "exports.handler = function () { console.log('hi'); };"
    outputs = stacks.deploy(
        {
            "Resources": {"Role": role(), "Function": function(code, "Role", Runtime="nodejs22.x")},
            "Outputs": {"Function": {"Value": {"Ref": "Function"}}},
        }
    )
    answer = cloud.client("lambda").invoke(FunctionName=outputs["Function"])
    assert "FunctionError" not in answer
    assert answer["Payload"].read() == b"null"


ASK = """
const ask = (library, url) => new Promise((resolve, reject) => {
  require(library).get(url, (answer) => {
    let text = "";
    answer.on("data", (part) => { text += part; });
    answer.on("end", () => resolve(`${answer.statusCode} ${text}`));
  }).on("error", reject);
});
const fetched = async (url) => { const answer = await fetch(url); return `${answer.status} ${await answer.text()}`; };
exports.handler = async (event) => [
  await ask("https", event.aws), await ask("http", event.local),
  await ask("https", event.url), await fetched(event.aws), await fetched(new Request(event.url)),
  await ask("https", event.local.replace("http:", "https:")), await fetched(event.local.replace("http:", "https:")),
];
"""


def test_a_function_reaches_an_api_by_the_name_that_it_has_on_aws_and_here(cloud: LocalCloud, stacks: Any) -> None:
    api = {"Ref": "Api"}
    greeting = function("exports.handler = async () => 'hello'", "Role", Runtime="nodejs22.x")
    uri = {"Fn::GetAtt": ["Greeting", "Arn"]}
    integration = {"ApiId": api, "IntegrationType": "AWS_PROXY", "IntegrationUri": uri, "PayloadFormatVersion": "2.0"}
    route = {"ApiId": api, "RouteKey": "$default", "Target": {"Fn::Sub": "integrations/${Integration}"}}
    permission = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "Greeting"},
        "Principal": "apigateway.amazonaws.com",
    }
    outputs = stacks.deploy(
        {
            "Resources": {
                "Role": role(),
                "Ask": function(ASK, "Role", Runtime="nodejs22.x"),
                "Greeting": greeting,
                "Permission": {"Type": "AWS::Lambda::Permission", "Properties": permission},
                "OfUrl": {
                    "Type": "AWS::Lambda::Permission",
                    "Properties": {
                        "Action": "lambda:InvokeFunctionUrl",
                        "FunctionName": {"Ref": "Greeting"},
                        "FunctionUrlAuthType": "NONE",
                        "Principal": "*",
                    },
                },
                "Url": {
                    "Type": "AWS::Lambda::Url",
                    "Properties": {"AuthType": "NONE", "TargetFunctionArn": {"Fn::GetAtt": ["Greeting", "Arn"]}},
                },
                "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "a", "ProtocolType": "HTTP"}},
                "Integration": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": integration},
                "Route": {"Type": "AWS::ApiGatewayV2::Route", "Properties": route},
                "Stage": {
                    "Type": "AWS::ApiGatewayV2::Stage",
                    "Properties": {"ApiId": api, "StageName": "$default", "AutoDeploy": True},
                },
            },
            "Outputs": {
                "Ask": {"Value": {"Ref": "Ask"}},
                "Api": {"Value": api},
                "Endpoint": {"Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}},
                "Url": {"Value": {"Fn::GetAtt": ["Url", "FunctionUrl"]}},
            },
        }
    )
    host = f"{outputs['Api']}.execute-api.us-east-1.amazonaws.com"
    asked = {"aws": f"https://{host}/", "local": outputs["Endpoint"], "url": outputs["Url"]}
    answer = cloud.client("lambda").invoke(FunctionName=outputs["Ask"], Payload=json.dumps(asked))
    assert json.load(answer["Payload"]) == ["200 hello"] * 7
