"""Names, descriptions and other texts that AWS refuses are refused, with the place, the value and the rule."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import DeploymentError, LocalCloud
from cdp_constructs.local.services.cloudformation.text_rules.rules import refusals
from tests.assembly.assemblies import AssemblyWriter, template
from tests.local.conftest import Stacks

TRUST = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}]}
RULE = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "192.0.2.0/24"}


def _paths(resource_type: str, properties: dict[str, Any], written: dict[str, Any] | None = None) -> list[str]:
    found = refusals(resource_type, properties, written or properties, lambda _function: False)
    return [refusal.path for refusal in found]


@pytest.mark.parametrize(
    ("resource_type", "path", "refused", "accepted"),
    [
        ("AWS::EC2::SecurityGroup", "GroupDescription", "受付", "Web (443), 10.0.0.0/8: [a]+b=c & d; {e}!$*"),
        ("AWS::EC2::SecurityGroup", "GroupDescription", "a" * 256, "a" * 255),
        ("AWS::EC2::SecurityGroup", "GroupName", "受付", "front-desk"),
        ("AWS::EC2::SecurityGroupIngress", "Description", "from “outside”", "from outside"),
        ("AWS::IAM::Role", "Description", "監査役", "Prüfer"),
        ("AWS::IAM::Role", "Description", "a" * 1001, "a" * 1000),
        ("AWS::IAM::Role", "RoleName", "front desk", "front-desk"),
        ("AWS::IAM::ManagedPolicy", "ManagedPolicyName", "front desk", "front+desk"),
        ("AWS::SQS::Queue", "QueueName", "受付", "front-desk.fifo"),
        ("AWS::SQS::Queue", "QueueName", "front.desk", "front_desk"),
        ("AWS::SQS::Queue", "QueueName", "a" * 81, "a" * 80),
        ("AWS::SNS::Topic", "TopicName", "news flash", "news.fifo"),
        ("AWS::SNS::Topic", "DisplayName", "a" * 101, "新着"),
        ("AWS::DynamoDB::Table", "TableName", "ab", "abc.d"),
        ("AWS::S3::Bucket", "BucketName", "Photos", "photos-2026"),
        ("AWS::Lambda::Function", "FunctionName", "front desk", "front_desk"),
        ("AWS::Lambda::Function", "Description", "a" * 257, "受付"),
        ("AWS::Logs::LogGroup", "LogGroupName", "/受付", "/aws/lambda/front-desk"),
        ("AWS::Events::Rule", "Name", "every hour", "every-hour"),
        ("AWS::CloudWatch::Alarm", "AlarmName", "late\n", "遅延"),
        ("AWS::SSM::Parameter", "Name", "/front desk", "/front-desk/limit"),
        ("AWS::KMS::Alias", "AliasName", "key", "alias/key"),
        ("AWS::SecretsManager::Secret", "Name", "pass word", "prod/password"),
        ("AWS::Cognito::UserPool", "UserPoolName", "会員", "Members of 2026"),
        ("AWS::Kinesis::Stream", "Name", "a b", "a.b"),
        ("AWS::IoT::TopicRule", "RuleName", "temperature-rule", "temperature_rule"),
        ("AWS::MSK::Cluster", "ClusterName", "a" * 65, "events"),
    ],
)
def test_a_property_takes_what_aws_takes(resource_type: str, path: str, refused: str, accepted: str) -> None:
    assert _paths(resource_type, {path: refused}) == [path]
    assert not _paths(resource_type, {path: accepted})


def test_the_place_is_named_in_lists_and_objects() -> None:
    rules = [{**RULE, "Description": "fine"}, {**RULE, "Description": "外から"}]
    assert _paths("AWS::EC2::SecurityGroup", {"SecurityGroupIngress": rules}) == ["SecurityGroupIngress/1/Description"]
    assert _paths("AWS::SQS::Queue", {"Tags": [{"Key": "k" * 129, "Value": "v"}]}) == ["Tags/0/Key"]


def test_letters_of_every_script_are_accepted_where_the_schema_says_so() -> None:
    properties = {"Tags": [{"Key": "担当", "Value": "मुख्य_1"}]}
    assert not _paths("AWS::Backup::BackupVault", properties)


def test_what_comes_from_other_resources_or_is_looked_up_is_not_checked() -> None:
    refused = {"QueueName": "受付"}
    assert not _paths("AWS::SQS::Queue", refused, {"QueueName": {"Ref": "Other"}})
    assert not _paths("AWS::SQS::Queue", refused, {"QueueName": "{{resolve:ssm:/queue}}"})
    assert not _paths("AWS::Lambda::Function", {"VpcConfig": {"SubnetIds": ["s-12345"]}})


def _group(description: str) -> dict[str, Any]:
    return {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": description}}


def test_creation_and_update_of_a_resource_fail_and_say_why(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("texts")
    writer.stack(stack, template({"Group": _group("受付")}))
    with pytest.raises(DeploymentError) as caught:
        cloud.deploy(writer.folder)
    [event] = caught.value.events
    assert (event.logical_id, event.resource_type) == ("Group", "AWS::EC2::SecurityGroup")
    assert (
        'failed for resource Group with message: #/GroupDescription: "受付" does not match ^([a-z,A-Z' in event.reason
    )

    writer.stack(stack, template({"Group": _group("front desk")}))
    group = cloud.deploy(writer.folder).resources[stack]["Group"]
    role = {"AssumeRolePolicyDocument": TRUST, "Description": "監査役"}
    writer.stack(
        stack, template({"Group": _group("front desk"), "Role": {"Type": "AWS::IAM::Role", "Properties": role}})
    )
    with pytest.raises(DeploymentError, match="#/Description"):
        cloud.deploy(writer.folder)
    writer.stack(stack, template({"Group": _group("夜間受付")}))
    with pytest.raises(DeploymentError, match="#/GroupDescription"):
        cloud.deploy(writer.folder)
    assert cloud.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]


def test_the_value_of_a_parameter_is_checked(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("parameter")
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": "${Prefix}-queue"}}}
    writer.stack(stack, template({"Queue": queue}, Parameters={"Prefix": {"Type": "String"}}))
    with pytest.raises(DeploymentError, match='#/QueueName: "a b-queue" does not match'):
        cloud.deploy(writer.folder, parameters={"Prefix": "a b"})
    assert cloud.deploy(writer.folder, parameters={"Prefix": name("ab")}).changed == (stack,)


def test_a_nested_stack_and_a_change_set_are_checked_too(cloud: LocalCloud, stacks: Stacks) -> None:
    bucket = f"templates-{uuid.uuid4().hex[:8]}"
    s3, client = cloud.client("s3"), cloud.client("cloudformation")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="child.json", Body=json.dumps(template({"Group": _group("受付")})).encode())
    url = f"https://s3.us-east-1.amazonaws.com/{bucket}/child.json"
    parent = {"Resources": {"Child": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}}}
    with pytest.raises(AssertionError, match="#/GroupDescription"):
        stacks.deploy(parent)

    client.create_change_set(
        StackName=bucket,
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(template({"Group": _group("受付")})),
    )
    client.get_waiter("change_set_create_complete").wait(
        StackName=bucket, ChangeSetName="first", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
    )
    client.execute_change_set(StackName=bucket, ChangeSetName="first")
    with pytest.raises(Exception, match="ROLLBACK"):
        client.get_waiter("stack_create_complete").wait(
            StackName=bucket, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
        )
    events = client.describe_stack_events(StackName=bucket)["StackEvents"]
    assert any("#/GroupDescription" in event.get("ResourceStatusReason", "") for event in events)
