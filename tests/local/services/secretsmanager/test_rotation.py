"""Secrets Manager: rotations call functions that Secrets Manager may invoke; `Ref` of a secret is its ARN."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud

ROTATION = """
import json, boto3, os
secrets = boto3.client("secretsmanager")

def handler(event, context):
    secret, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    if step == "createSecret":
        steps = [step]
        try:
            secrets.get_secret_value(SecretId=secret, VersionId=token, VersionStage="AWSPENDING")
        except secrets.exceptions.ResourceNotFoundException:
            steps.append("was empty")
        secrets.put_secret_value(
            SecretId=secret, ClientRequestToken=token, SecretString=json.dumps(steps), VersionStages=["AWSPENDING"]
        )
        return
    if step == "testSecret" and os.environ.get("BROKEN"):
        raise RuntimeError("broken")
    if step == "finishSecret":
        stages = secrets.describe_secret(SecretId=secret)["VersionIdsToStages"]
        current = next(version for version, labels in stages.items() if "AWSCURRENT" in labels)
        secrets.update_secret_version_stage(
            SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
        )
"""


def template(*, at_once: bool, broken: bool = False, permitted: bool = True) -> dict[str, Any]:
    actions = ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"]
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    resources: dict[str, Any] = {
        "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": '"first"'}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
                "Policies": [
                    {
                        "PolicyName": "Rotation",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": [f"secretsmanager:{action}" for action in actions],
                                    "Resource": {"Ref": "Secret"},
                                }
                            ],
                        },
                    }
                ],
            },
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.13",
                "Handler": "index.handler",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Code": {"ZipFile": ROTATION},
                "Environment": {"Variables": {"BROKEN": "yes"} if broken else {}},
            },
        },
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Fn::GetAtt": ["Function", "Arn"]},
                "Principal": "secretsmanager.amazonaws.com",
            },
        },
        "Schedule": {
            "Type": "AWS::SecretsManager::RotationSchedule",
            "DependsOn": "Permission",
            "Properties": {
                "SecretId": {"Ref": "Secret"},
                "RotationLambdaARN": {"Fn::GetAtt": ["Function", "Arn"]},
                "RotationRules": {"AutomaticallyAfterDays": 30},
                "RotateImmediatelyOnUpdate": at_once,
            },
        },
    }
    if not permitted:
        del resources["Permission"], resources["Schedule"]["DependsOn"]
    outputs = {name: {"Value": {"Ref": name}} for name in ("Secret", "Schedule")}
    return {"Resources": resources, "Outputs": outputs}


def labels(cloud: LocalCloud, secret: str) -> set[str]:
    versions = cloud.client("secretsmanager").describe_secret(SecretId=secret)["VersionIdsToStages"]
    return {label for stages in versions.values() for label in stages}


def value(cloud: LocalCloud, secret: str) -> Any:
    return json.loads(cloud.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])


def test_a_schedule_rotates_at_once_in_four_steps(
    cloud: LocalCloud, stacks: Any, eventually: Callable[..., Any]
) -> None:
    outputs = stacks.deploy(template(at_once=True))
    assert outputs["Secret"].startswith("arn:aws:secretsmanager:us-east-1:000000000000:secret:")
    assert outputs["Schedule"] == outputs["Secret"]
    eventually(lambda: value(cloud, outputs["Secret"]) != "first")
    assert value(cloud, outputs["Secret"]) == ["createSecret", "was empty"]
    previous = cloud.client("secretsmanager").get_secret_value(SecretId=outputs["Secret"], VersionStage="AWSPREVIOUS")
    assert previous["SecretString"] == '"first"'


def test_a_schedule_for_later_only_tests(cloud: LocalCloud, stacks: Any, eventually: Callable[..., Any]) -> None:
    secret = stacks.deploy(template(at_once=False))["Secret"]
    eventually(lambda: labels(cloud, secret) == {"AWSCURRENT"})
    described = cloud.client("secretsmanager").describe_secret(SecretId=secret)
    assert described["RotationEnabled"] is True
    assert described["RotationRules"]["AutomaticallyAfterDays"] == 30
    assert value(cloud, secret) == "first"
    cloud.client("secretsmanager").rotate_secret(SecretId=secret)
    eventually(lambda: value(cloud, secret) != "first")


def test_a_rotation_that_fails_changes_nothing_and_blocks_the_next(
    cloud: LocalCloud, stacks: Any, eventually: Callable[..., Any]
) -> None:
    secret = stacks.deploy(template(at_once=False, broken=True))["Secret"]
    client = cloud.client("secretsmanager")
    eventually(lambda: labels(cloud, secret) == {"AWSCURRENT"})
    client.rotate_secret(SecretId=secret)
    eventually(lambda: labels(cloud, secret) == {"AWSCURRENT", "AWSPENDING"})
    with pytest.raises(client.exceptions.InvalidRequestException, match="previous rotation"):
        client.rotate_secret(SecretId=secret)
    assert value(cloud, secret) == "first"


def test_a_function_without_permission_is_not_called(stacks: Any) -> None:
    with pytest.raises(AssertionError, match="cannot invoke the specified Lambda function"):
        stacks.deploy(template(at_once=False, permitted=False))
