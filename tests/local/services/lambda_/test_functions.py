"""Lambda: errors by name, asynchronous failures, streams, schedules; keys, secrets and parameters under its role."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from tests.local.resources import allow, function, role

REGION = "us-west-2"
HANDLER = """
import boto3, json, os

class RoomIsFull(Exception):
    pass

def handler(event, context):
    if event.get("fail"):
        raise RoomIsFull(event["fail"])
    if "Records" in event and event["Records"][0].get("EventSource") == "aws:sns":
        raise RoomIsFull("from a topic")
    if event.get("key_pair"):
        kms = boto3.client("kms")
        pair = kms.generate_data_key_pair(KeyId=os.environ["KEY"], KeyPairSpec="RSA_2048")
        return {"public": len(pair["PublicKey"]), "private": len(pair["PrivateKeyPlaintext"])}
    if event.get("parameters"):
        ssm = boto3.client("ssm")
        return {p["Name"]: p["Value"] for p in ssm.get_parameters(Names=event["parameters"])["Parameters"]}
    boto3.client("sqs").send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps(event))
    return event
"""
SEEN_ARN = {"Fn::GetAtt": ["Seen", "Arn"]}
ENVIRONMENT = {"Variables": {"SEEN": {"Ref": "Seen"}, "KEY": {"Ref": "Key"}}}
OUTPUTS = ("Seen", "Failed", "Dead", "Function", "WithDeadLetters", "Rule", "Schedule", "Topic", "Wanted")
TEMPLATE = {
    "Parameters": {"Wanted": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/conformance/wanted"}},
    "Resources": {
        "Seen": {"Type": "AWS::SQS::Queue"},
        "Failed": {"Type": "AWS::SQS::Queue"},
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Key": {
            "Type": "AWS::KMS::Key",
            "Properties": {
                "KeyPolicy": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
                            "Action": "kms:*",
                            "Resource": "*",
                        }
                    ],
                }
            },
        },
        "One": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/own/one", "Type": "String", "Value": "1"}},
        "Two": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/own/two", "Type": "String", "Value": "2"}},
        "Foreign": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/foreign", "Type": "String", "Value": "3"}},
        "Role": role(
            allow(["sqs:SendMessage"], SEEN_ARN, {"Fn::GetAtt": ["Failed", "Arn"]}, {"Fn::GetAtt": ["Dead", "Arn"]}),
            allow(["kms:GenerateDataKeyPair"], {"Fn::GetAtt": ["Key", "Arn"]}),
            allow(["ssm:GetParameters"], {"Fn::Sub": "arn:aws:ssm:${AWS::Region}:${AWS::AccountId}:parameter/own/*"}),
        ),
        "Function": function(
            HANDLER, "Role", Environment=ENVIRONMENT, ReservedConcurrentExecutions=5, TracingConfig={"Mode": "Active"}
        ),
        "Destinations": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 0,
                "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Failed", "Arn"]}}},
            },
        },
        "WithDeadLetters": function(
            HANDLER,
            "Role",
            Environment=ENVIRONMENT,
            DeadLetterConfig={"TargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}},
        ),
        "NoRetries": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": "WithDeadLetters"},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 0,
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "ScheduleExpression": "cron(0 3 * * ? *)",
                "Targets": [
                    {"Id": "function", "Arn": {"Fn::GetAtt": ["Function", "Arn"]}, "Input": '{"from": "rule"}'}
                ],
            },
        },
        "RulePermission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": "Function"},
                "Principal": "events.amazonaws.com",
                "SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]},
            },
        },
        "SchedulerRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "sts:AssumeRole",
                            "Principal": {"Service": "scheduler.amazonaws.com"},
                        }
                    ]
                },
                "Policies": [
                    {
                        "PolicyName": "invoke",
                        "PolicyDocument": {
                            "Statement": [allow(["lambda:InvokeFunction"], {"Fn::GetAtt": ["Function", "Arn"]})]
                        },
                    }
                ],
            },
        },
        "Schedule": {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {
                "ScheduleExpression": "rate(1 hour)",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {
                    "Arn": {"Fn::GetAtt": ["Function", "Arn"]},
                    "RoleArn": {"Fn::GetAtt": ["SchedulerRole", "Arn"]},
                    "Input": '{"from": "schedule"}',
                },
            },
        },
        "Topic": {"Type": "AWS::SNS::Topic"},
        "TopicPermission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": "Function"},
                "Principal": "sns.amazonaws.com",
                "SourceArn": {"Ref": "Topic"},
            },
        },
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "Topic"},
                "Protocol": "lambda",
                "Endpoint": {"Fn::GetAtt": ["Function", "Arn"]},
            },
        },
    },
    "Outputs": {name: {"Value": {"Ref": name}} for name in OUTPUTS},
}


@pytest.fixture(scope="module")
def deployed(cloud: LocalCloud, stacks: Any) -> dict[str, str]:
    cloud.client("ssm", region=REGION).put_parameter(Name="/conformance/wanted", Type="String", Value="found")
    outputs: dict[str, str] = stacks.deploy(TEMPLATE, region=REGION)
    return outputs


def invoke(cloud: LocalCloud, name: str, payload: dict[str, Any], kind: str = "RequestResponse") -> Any:
    client = cloud.client("lambda", region=REGION)
    answer = client.invoke(FunctionName=name, InvocationType=kind, Payload=json.dumps(payload))
    return json.loads(answer["Payload"].read() or b"null")


@pytest.mark.parametrize("message", ["no seat", "two\nlines: of text", "a (strange) [one]"])
def test_an_error_has_the_name_of_its_class(cloud: LocalCloud, deployed: dict[str, str], message: str) -> None:
    answer = invoke(cloud, deployed["Function"], {"fail": message})
    assert (answer["errorType"], answer["errorMessage"]) == ("RoomIsFull", message)


def test_a_failed_asynchronous_call_goes_to_its_destination_with_the_error(
    cloud: LocalCloud, deployed: dict[str, str], taken: Callable[..., Any]
) -> None:
    invoke(cloud, deployed["Function"], {"fail": "asynchronously"}, "Event")
    record = json.loads(taken(deployed["Failed"])[0]["Body"])
    assert record["requestPayload"] == {"fail": "asynchronously"}
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responsePayload"]["errorType"] == "RoomIsFull"


def test_a_dead_letter_queue_gets_the_event_as_it_came(
    cloud: LocalCloud, deployed: dict[str, str], taken: Callable[..., Any]
) -> None:
    invoke(cloud, deployed["WithDeadLetters"], {"fail": "dead"}, "Event")
    message = taken(deployed["Dead"])[0]
    assert json.loads(message["Body"]) == {"fail": "dead"}
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "dead"


def test_a_function_that_fails_on_a_topic_sends_the_event_to_its_destination(
    cloud: LocalCloud, deployed: dict[str, str], taken: Callable[..., Any]
) -> None:
    cloud.client("sns", region=REGION).publish(TopicArn=deployed["Topic"], Message="hello")
    record = json.loads(taken(deployed["Failed"])[0]["Body"])
    assert record["requestPayload"]["Records"][0]["Sns"]["Message"] == "hello"


def test_a_function_without_its_code_fails_the_stack(cloud: LocalCloud, stacks: Any) -> None:
    cloud.client("s3", region=REGION).create_bucket(
        Bucket="assets-of-nobody", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    code = {"S3Bucket": "assets-of-nobody", "S3Key": "missing.zip"}
    template = {"Resources": {"Role": role(), "Function": function("", "Role", Code=code)}}
    with pytest.raises(AssertionError, match=r"s3://assets-of-nobody/missing\.zip does not exist"):
        stacks.deploy(template, region=REGION)


def test_reserved_concurrency_is_kept(cloud: LocalCloud, deployed: dict[str, str]) -> None:
    concurrency = cloud.client("lambda", region=REGION).get_function_concurrency(FunctionName=deployed["Function"])
    assert concurrency["ReservedConcurrentExecutions"] == 5


@pytest.mark.parametrize(("kind", "sent"), [("Rule", "rule"), ("Schedule", "schedule")])
def test_schedules_fire_on_demand(
    cloud: LocalCloud, deployed: dict[str, str], taken: Callable[..., Any], kind: str, sent: str
) -> None:
    cloud.fire_schedule(deployed[kind], REGION)
    assert [json.loads(message["Body"]) for message in taken(deployed["Seen"])] == [{"from": sent}]


def test_an_unknown_schedule_is_an_error(cloud: LocalCloud, deployed: dict[str, str]) -> None:
    assert deployed
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        cloud.fire_schedule("nothing", REGION)


def test_a_key_pair_is_generated_under_the_role(cloud: LocalCloud, deployed: dict[str, str]) -> None:
    pair = invoke(cloud, deployed["Function"], {"key_pair": True})
    assert pair["public"] > 256
    assert pair["private"] > 1024


def test_each_parameter_of_a_request_is_authorised(cloud: LocalCloud, deployed: dict[str, str]) -> None:
    own = invoke(cloud, deployed["Function"], {"parameters": ["/own/one", "/own/two"]})
    assert own == {"/own/one": "1", "/own/two": "2"}
    refused = invoke(cloud, deployed["Function"], {"parameters": ["/own/one", "/foreign"]})
    assert "not authorized to perform: ssm:GetParameters" in refused["errorMessage"]


def test_template_parameters_come_from_parameter_store(deployed: dict[str, str]) -> None:
    assert deployed["Wanted"] == "found"
