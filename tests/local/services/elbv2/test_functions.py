"""Load balancers: a function that a template registers as target answers requests."""

from typing import Any

import httpx

from cdp_constructs.local import LocalCloud
from tests.local.resources import load_balancer

CODE = "def handler(event, context):\n    return {'statusCode': 200, 'body': event['path']}\n"
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "lambda.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                }
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
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": "Function"},
                "Principal": "elasticloadbalancing.amazonaws.com",
            },
        },
        "Targets": {
            "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
            "DependsOn": "Permission",
            "Properties": {"TargetType": "lambda", "Targets": [{"Id": {"Fn::GetAtt": ["Function", "Arn"]}}]},
        },
        **load_balancer("Targets"),
    },
    "Outputs": {
        "Name": {"Value": {"Fn::GetAtt": ["Balancer", "DNSName"]}},
        "Targets": {"Value": {"Ref": "Targets"}},
        "FullName": {"Value": {"Fn::GetAtt": ["Targets", "TargetGroupFullName"]}},
        "Function": {"Value": {"Fn::GetAtt": ["Function", "Arn"]}},
    },
}


def _targets(cloud: LocalCloud, group: str) -> list[str]:
    health = cloud.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return [item["Target"]["Id"] for item in health]


def test_a_function_answers_while_the_template_registers_it(cloud: LocalCloud, stacks: Any) -> None:
    outputs = stacks.deploy(TEMPLATE, name="balanced")
    assert _targets(cloud, outputs["Targets"]) == [outputs["Function"]]
    # The name that metrics have as their dimension.
    assert outputs["FullName"] == outputs["Targets"].rpartition(":")[2]
    assert outputs["FullName"].startswith("targetgroup/")

    answer = httpx.get(f"{cloud.endpoint}/hello", headers={"Host": outputs["Name"]})
    assert (answer.status_code, answer.text) == (200, "/hello")

    without: dict[str, Any] = {**TEMPLATE, "Resources": {**TEMPLATE["Resources"]}}
    without["Resources"]["Targets"] = {
        "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
        "Properties": {"TargetType": "lambda", "Targets": []},
    }
    assert stacks.deploy(without, name="balanced") == outputs
    assert _targets(cloud, outputs["Targets"]) == []
