"""Resources of CloudFormation that many conformance tests deploy."""

from typing import Any


def arn(logical_id: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def allow(actions: list[str], *resources: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)}


def role(*statements: dict[str, Any]) -> dict[str, Any]:
    """A role for functions, which may do what the statements say."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    properties: dict[str, Any] = {"AssumeRolePolicyDocument": {"Statement": [trust]}}
    if statements:
        properties["Policies"] = [{"PolicyName": "own", "PolicyDocument": {"Statement": list(statements)}}]
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def function(code: str, role_name: str, **properties: Any) -> dict[str, Any]:
    base = {
        "Runtime": "python3.14",
        "Handler": "index.handler",
        "Timeout": 10,
        "Code": {"ZipFile": code},
        "Role": arn(role_name),
    }
    return {"Type": "AWS::Lambda::Function", "Properties": {**base, **properties}}
