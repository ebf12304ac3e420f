"""A small system as a template, written by hand, for cards and reviews to read."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

TemplateBody = dict[str, Any]
SNAPSHOTS = Path(__file__).parents[1]


def snapshot(path: str) -> TemplateBody:
    """Return a copy of a committed template, by its path below ``tests``."""
    body: TemplateBody = json.loads((SNAPSHOTS / path).read_text())
    return body


def chat() -> TemplateBody:
    """Return one Region of the chat."""
    return snapshot("stacks/chat/__snapshots__/test_stacks/test_stack[Chat-us-west-2].json")


def chat_tables() -> TemplateBody:
    """Return the chat's global stack."""
    return snapshot("stacks/chat/__snapshots__/test_stacks/test_stack[ChatGlobal].json")


def iot() -> TemplateBody:
    """Return the IoT system."""
    return snapshot("stacks/iot/__snapshots__/test_stacks/test_stack.json")


def id_of(body: TemplateBody, kind: str, part: str = "") -> str:
    """Return the logical id of the first resource of a type whose id has a part."""
    return next(name for name, one in body["Resources"].items() if one["Type"] == f"AWS::{kind}" and part in name)


def properties(body: TemplateBody, kind: str, part: str = "") -> dict[str, Any]:
    """Return the properties of the first resource of a type whose id has a part."""
    found: dict[str, Any] = body["Resources"][id_of(body, kind, part)].setdefault("Properties", {})
    return found


def edited(body: TemplateBody, edit: Callable[[TemplateBody], TemplateBody | None]) -> TemplateBody:
    """Return an edited copy."""
    changed = copy.deepcopy(body)
    return edit(changed) or changed


def shop() -> TemplateBody:
    """Return a topic, a queue with a place for failures, a function that works it off, a table and a public route."""
    arn = {"Fn::GetAtt": ["WorkerRole1A2B3C4D", "Arn"]}
    return {
        "Description": "A shop",
        "Resources": {
            "OrdersTopic1A2B3C4D": {"Type": "AWS::SNS::Topic", "Properties": {}},
            "OrdersQueue1A2B3C4D": {
                "Type": "AWS::SQS::Queue",
                "Properties": {
                    "RedrivePolicy": {
                        "deadLetterTargetArn": {"Fn::GetAtt": ["Failed1A2B3C4D", "Arn"]},
                        "maxReceiveCount": 5,
                    },
                    "VisibilityTimeout": 60,
                },
            },
            "Failed1A2B3C4D": {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": 1209600}},
            "FailedAlarm1A2B3C4D": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {
                    "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["Failed1A2B3C4D", "QueueName"]}}],
                    "MetricName": "ApproximateNumberOfMessagesVisible",
                    "Threshold": 1,
                },
            },
            "Subscription1A2B3C4D": {
                "Type": "AWS::SNS::Subscription",
                "Properties": {
                    "Endpoint": {"Fn::GetAtt": ["OrdersQueue1A2B3C4D", "Arn"]},
                    "FilterPolicy": {"total": [{"numeric": [">=", 1000]}]},
                    "Protocol": "sqs",
                    "TopicArn": {"Ref": "OrdersTopic1A2B3C4D"},
                },
            },
            "WorkerRole1A2B3C4D": {"Type": "AWS::IAM::Role", "Properties": {}},
            "WorkerPolicy1A2B3C4D": {
                "Type": "AWS::IAM::Policy",
                "Properties": {
                    "PolicyDocument": {
                        "Statement": [
                            {
                                "Action": ["dynamodb:PutItem", "dynamodb:GetItem"],
                                "Effect": "Allow",
                                "Resource": {"Fn::GetAtt": ["Table1A2B3C4D", "Arn"]},
                            }
                        ]
                    },
                    "Roles": [{"Ref": "WorkerRole1A2B3C4D"}],
                },
            },
            "Worker1A2B3C4D": {
                "Type": "AWS::Lambda::Function",
                "Properties": {"Code": {"S3Key": "a.zip"}, "MemorySize": 256, "Role": arn, "Timeout": 10},
            },
            "Reads1A2B3C4D": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "Properties": {
                    "BatchSize": 10,
                    "EventSourceArn": {"Fn::GetAtt": ["OrdersQueue1A2B3C4D", "Arn"]},
                    "FunctionName": {"Ref": "Worker1A2B3C4D"},
                },
            },
            "Table1A2B3C4D": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "DeletionProtectionEnabled": True,
                    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
                },
                "DeletionPolicy": "Retain",
                "UpdateReplacePolicy": "Retain",
            },
            "Api1A2B3C4D": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"ProtocolType": "HTTP"}},
            "Integration1A2B3C4D": {
                "Type": "AWS::ApiGatewayV2::Integration",
                "Properties": {
                    "ApiId": {"Ref": "Api1A2B3C4D"},
                    "IntegrationUri": {"Fn::GetAtt": ["Worker1A2B3C4D", "Arn"]},
                },
            },
            "Health1A2B3C4D": {
                "Type": "AWS::ApiGatewayV2::Route",
                "Properties": {
                    "ApiId": {"Ref": "Api1A2B3C4D"},
                    "AuthorizationType": "NONE",
                    "RouteKey": "GET /health",
                    "Target": {"Fn::Join": ["", ["integrations/", {"Ref": "Integration1A2B3C4D"}]]},
                },
            },
        },
    }
