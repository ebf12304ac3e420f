"""Roles that services may not assume or that lack rights, and policies that AWS refuses, fail their resource."""

import json
from typing import Any

import pytest

from tests.assembly.assemblies import QUEUE, template
from tests.local.resources import allow, arn, function, role

HANDLER = "def handler(event, context): return None"


def test_a_function_needs_a_role_that_trusts_lambda(stacks: Any) -> None:
    other = role()
    other["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"] = "events.amazonaws.com"
    with pytest.raises(AssertionError, match="The role defined for the function cannot be assumed by Lambda"):
        stacks.deploy(template({"Role": other, "Function": function(HANDLER, "Role")}))


def test_a_schedule_needs_a_role_that_trusts_the_scheduler(stacks: Any) -> None:
    schedule = {
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ScheduleExpression": "rate(1 hour)",
            "Target": {"Arn": arn("Queue"), "RoleArn": arn("Role")},
        },
    }
    queue = QUEUE["Resources"]["Queue"]
    with pytest.raises(AssertionError, match="must allow AWS EventBridge Scheduler to assume the role"):
        stacks.deploy(template({"Queue": queue, "Role": role(), "Schedule": schedule}))


def test_a_rule_needs_target_roles_that_trust_eventbridge(stacks: Any) -> None:
    target = {"Id": "Queue", "Arn": arn("Queue"), "RoleArn": arn("Role")}
    rule = {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": {"source": ["shop"]}, "Targets": [target]}}
    resources = {"Queue": QUEUE["Resources"]["Queue"], "Rule": rule}
    with pytest.raises(AssertionError, match=r"cannot be assumed by principal 'events\.amazonaws\.com'"):
        stacks.deploy(template({**resources, "Role": role()}))
    stacks.deploy(template({**resources, "Role": role(service="events")}))


def test_a_pipe_needs_a_role_that_trusts_it_and_may_read(stacks: Any) -> None:
    queues = dict.fromkeys(("Queue", "Target"), QUEUE["Resources"]["Queue"])
    properties = {"RoleArn": arn("Role"), "Source": arn("Queue"), "Target": arn("Target")}
    resources = {**queues, "Pipe": {"Type": "AWS::Pipes::Pipe", "Properties": properties}}
    with pytest.raises(AssertionError, match="does not have permissions to call ReceiveMessage on SQS"):
        stacks.deploy(template({**resources, "Role": role(service="pipes")}))
    reads = allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], arn("Queue"))
    with pytest.raises(AssertionError, match=r"cannot be assumed by principal 'pipes\.amazonaws\.com'"):
        stacks.deploy(template({**resources, "Role": role(reads)}))
    stacks.deploy(template({**resources, "Role": role(reads, service="pipes")}))


def delivery(**members: Any) -> dict[str, Any]:
    schema = {"RoleARN": arn("Role"), "DatabaseName": "shop", "TableName": "orders", "Region": {"Ref": "AWS::Region"}}
    conversion = {
        "Enabled": True,
        "SchemaConfiguration": schema,
        "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
        "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
    }
    destination = {
        "BucketARN": arn("Bucket"),
        "RoleARN": arn("Role"),
        "DataFormatConversionConfiguration": conversion,
        "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 60},
    }
    properties = {"ExtendedS3DestinationConfiguration": destination, **members}
    stream = {"Type": "AWS::KinesisFirehose::DeliveryStream", "Properties": properties}
    return {"Bucket": {"Type": "AWS::S3::Bucket"}, "Delivery": stream}


def test_a_delivery_stream_needs_roles_that_may_read_schema_and_source(stacks: Any) -> None:
    schema = allow(["glue:GetTableVersions"], "*")
    with pytest.raises(AssertionError, match="Access was denied when calling Glue"):
        stacks.deploy(template({**delivery(), "Role": role(service="firehose")}))
    stacks.deploy(template({**delivery(), "Role": role(schema, service="firehose")}))
    source = {"KinesisStreamARN": arn("Stream"), "RoleARN": arn("Role")}
    resources = {
        **delivery(DeliveryStreamType="KinesisStreamAsSource", KinesisStreamSourceConfiguration=source),
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
    }
    with pytest.raises(AssertionError, match="is not authorized to perform: kinesis:DescribeStream"):
        stacks.deploy(template({**resources, "Role": role(schema, service="firehose")}))


def policy(kind: str, of: str, statement: Any, member: str = "PolicyDocument") -> dict[str, Any]:
    """A policy of a resource, with what it is of."""
    document = {"Statement": statement}
    if kind == "AWS::KMS::Key":
        return {"Key": {"Type": kind, "Properties": {"KeyPolicy": document}}}
    owner = {"Ref": "Owner"}
    properties = {member: document, of: owner if of == "Bucket" else [owner]}
    owners = {"Bucket": "AWS::S3::Bucket", "Topics": "AWS::SNS::Topic", "Queues": "AWS::SQS::Queue"}
    return {"Owner": {"Type": owners[of]}, "Policy": {"Type": kind, "Properties": properties}}


POLICIES = [
    ("AWS::S3::BucketPolicy", "Bucket", 20_480),
    ("AWS::SNS::TopicPolicy", "Topics", 30_720),
    ("AWS::SQS::QueuePolicy", "Queues", 8_192),
    ("AWS::KMS::Key", "", 32_768),
]


@pytest.mark.parametrize(("kind", "of", "most"), POLICIES)
def test_policies_of_resources_that_are_too_long_fail(stacks: Any, kind: str, of: str, most: int) -> None:
    statement = {**long_policy(most + 500)["Statement"][0], "Principal": "*"}
    with pytest.raises(AssertionError, match=f"Maximum policy size of {most} bytes exceeded"):
        stacks.deploy(template(policy(kind, of, statement)))


@pytest.mark.parametrize(("kind", "of", "_most"), POLICIES)
def test_service_principals_that_do_not_exist_are_refused(stacks: Any, kind: str, of: str, _most: int) -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": {"Service": "lamda.amazonaws.com"}}
    with pytest.raises(AssertionError, match=r"(?i)principal.*lamda\.amazonaws\.com"):
        stacks.deploy(template(policy(kind, of, statement)))


def test_roles_and_permissions_name_services_that_exist(stacks: Any) -> None:
    with pytest.raises(AssertionError, match=r'Invalid principal in policy: "SERVICE":"lamda\.amazonaws\.com"'):
        stacks.deploy(template({"Role": role(service="lamda")}))
    properties = {"Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "Function"}}
    resources = {"Role": role(), "Function": function(HANDLER, "Role")}

    def permission(principal: str) -> dict[str, Any]:
        return {"Type": "AWS::Lambda::Permission", "Properties": {**properties, "Principal": principal}}

    with pytest.raises(AssertionError, match="The provided principal was invalid"):
        stacks.deploy(template({**resources, "Permission": permission("eventbrige.amazonaws.com")}))
    stacks.deploy(template({**resources, "Permission": permission("events.amazonaws.com")}))


def long_policy(characters: int) -> dict[str, Any]:
    resources = [f"arn:aws:s3:::{'x' * 50}{number:010}" for number in range(characters // 75)]
    return {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": resources}]}


def test_policies_that_are_too_long_fail(stacks: Any) -> None:
    managed = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": long_policy(6500)}}
    with pytest.raises(AssertionError, match="Maximum policy size of 6144 bytes exceeded"):
        stacks.deploy(template({"Policy": managed}))
    inline = {"PolicyName": "own", "Roles": [{"Ref": "Role"}], "PolicyDocument": long_policy(6500)}
    policies = {
        name: {"Type": "AWS::IAM::Policy", "Properties": {**inline, "PolicyName": name}} for name in ("One", "Two")
    }
    stacks.deploy(template({"Role": role(), "One": policies["One"]}))
    with pytest.raises(AssertionError, match="Maximum policy size of 10240 bytes exceeded for role"):
        stacks.deploy(template({"Role": role(), **policies}))
    device = {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": long_policy(2300)}}
    with pytest.raises(AssertionError, match="Maximum policy size of 2048 bytes exceeded"):
        stacks.deploy(template({"Policy": device}))


def test_json_of_a_policy_counts_without_white_space(stacks: Any) -> None:
    text = json.dumps(long_policy(5900), indent=8)
    assert len(text) > 6144
    managed = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": json.loads(text)}}
    stacks.deploy(template({"Policy": managed}))
