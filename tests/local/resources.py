"""Resources of CloudFormation that many conformance tests deploy."""

import json
from typing import Any

FOR_FUNCTIONS = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
        ],
    }
)
"""A trust policy for `create_role`."""


def arn(logical_id: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def allow(actions: list[str], *resources: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)}


def role(*statements: dict[str, Any], service: str = "lambda") -> dict[str, Any]:
    """A role for functions, or for what another service runs, which may do what the statements say."""
    principal = {"Service": f"{service}.amazonaws.com"}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
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


def load_balancer(targets: str) -> dict[str, Any]:
    """A load balancer whose listener forwards to a target group."""
    forward = {"Type": "forward", "TargetGroupArn": {"Ref": targets}}
    return {
        "Balancer": {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {"Subnets": ["subnet-1", "subnet-2"]},
        },
        "Listener": {
            "Type": "AWS::ElasticLoadBalancingV2::Listener",
            "Properties": {
                "LoadBalancerArn": {"Ref": "Balancer"},
                "Port": 80,
                "Protocol": "HTTP",
                "DefaultActions": [forward],
            },
        },
    }


def table(key: str) -> dict[str, Any]:
    """A table whose partition key is a string."""
    return {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
        },
    }


def rest_api() -> dict[str, Any]:
    """A REST API with one stage, `live`, that answers by itself."""
    api = {"Ref": "Api"}
    integration = {
        "Type": "MOCK",
        "RequestTemplates": {"application/json": json.dumps({"statusCode": 200})},
        "IntegrationResponses": [{"StatusCode": "200"}],
    }
    return {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "guarded"}},
        "Proxy": {
            "Type": "AWS::ApiGateway::Resource",
            "Properties": {
                "RestApiId": api,
                "ParentId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
                "PathPart": "{proxy+}",
            },
        },
        "Any": {
            "Type": "AWS::ApiGateway::Method",
            "Properties": {
                "RestApiId": api,
                "ResourceId": {"Ref": "Proxy"},
                "HttpMethod": "GET",
                "AuthorizationType": "NONE",
                "Integration": integration,
                "MethodResponses": [{"StatusCode": "200"}],
            },
        },
        "Deployment": {
            "Type": "AWS::ApiGateway::Deployment",
            "DependsOn": "Any",
            "Properties": {"RestApiId": api},
        },
        "Stage": {
            "Type": "AWS::ApiGateway::Stage",
            "Properties": {"RestApiId": api, "DeploymentId": {"Ref": "Deployment"}, "StageName": "live"},
        },
    }
