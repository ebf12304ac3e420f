"""Templates stay below the quotas that no request can raise, with room for what is known at deployment only."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import jmespath  # type: ignore[import-untyped]  # it ships no types
import pytest

from tests.aws.arns import ANY, UNKNOWN, text
from tests.aws.templates import FILES, listed, resources, stacks

LONG_NAME = "x" * 48
"""Stands for a name that CloudFormation makes, or that another stack has."""
PSEUDO = {"AWS::Region": "ap-northeast-1", "AWS::AccountId": "111122223333", "AWS::Partition": "aws"}
LONG_ARN = f"arn:aws:service:ap-northeast-1:111122223333:{'x' * 64}"
PRINCIPALS = {
    # Each names itself on the page of its role or policy: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services
    "appsync.amazonaws.com",
    "cloudfront.amazonaws.com",
    "cloudwatch.amazonaws.com",
    "delivery.logs.amazonaws.com",
    "ecs-tasks.amazonaws.com",
    "events.amazonaws.com",
    "events.rds.amazonaws.com",
    "firehose.amazonaws.com",
    "iot.amazonaws.com",
    "lambda.amazonaws.com",
    "logdelivery.elasticloadbalancing.amazonaws.com",
    "logging.s3.amazonaws.com",
    "logs.amazonaws.com",
    "logs.us-east-1.amazonaws.com",
    "redshift-serverless.amazonaws.com",
    "redshift.amazonaws.com",
    "s3.amazonaws.com",
    "scheduler.amazonaws.com",
    "sns.amazonaws.com",
    "states.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
    "apigateway.amazonaws.com",
    "elasticache.amazonaws.com",
    "rds.amazonaws.com",
    "monitoring.rds.amazonaws.com",
    "ecs.amazonaws.com",
    "ec2.amazonaws.com",
    "application-autoscaling.amazonaws.com",
    "codedeploy.amazonaws.com",
    "codebuild.amazonaws.com",
    "codepipeline.amazonaws.com",
}
IN_EVERY_REGION = {f"logs.{ANY}.amazonaws.com", "logs.eu-west-1.amazonaws.com", "logs.us-west-2.amazonaws.com"}


def length(document: Any, stack: Mapping[str, Any]) -> int:
    """Characters of a policy without white space, with long values for what is not known yet."""

    def filled(value: Any) -> Any:
        if isinstance(value, list):
            return [filled(item) for item in value]
        if not isinstance(value, dict):
            return value
        inner = {key: filled(item) for key, item in value.items()}
        name = next(iter(value), "")
        if name == "Ref" and value["Ref"] in PSEUDO:
            return PSEUDO[value["Ref"]]
        if len(value) == 1 and (name == "Ref" or name.startswith("Fn::")):
            known = text(inner if name == "Fn::Join" else value, stack)
            return LONG_ARN if known == UNKNOWN else known.replace(ANY, LONG_NAME)
        return inner

    return len(json.dumps(filled(document), separators=(",", ":"), ensure_ascii=False))


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length
def test_policies_of_roles_have_room() -> None:
    total: dict[str, int] = defaultdict(int)
    for file in FILES:
        for logical_id, role, stack in resources(file, "AWS::IAM::Role"):
            properties = role["Properties"]
            assert length(properties["AssumeRolePolicyDocument"], stack) <= 2048, f"{file.name}: {logical_id}"
            inline = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
            total[f"{file}: {logical_id}"] += sum(length(document, stack) for document in inline)
        for _, policy, stack in resources(file, "AWS::IAM::Policy"):
            for role in policy["Properties"].get("Roles", []):
                if isinstance(role, dict) and "Ref" in role:
                    size = length(policy["Properties"]["PolicyDocument"], stack)
                    total[f"{file}: {role['Ref']}"] += size
    assert {name: size for name, size in total.items() if size > 10_240} == {}


@pytest.mark.parametrize(
    ("resource_type", "longest"),
    [
        ("AWS::IAM::ManagedPolicy", 6144),
        # https://docs.aws.amazon.com/general/latest/gr/iot-core.html#security-limits
        ("AWS::IoT::Policy", 2048),
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
        ("AWS::S3::BucketPolicy", 20 * 1024),
        # https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
        ("AWS::KMS::Key", 32 * 1024),
        # https://docs.aws.amazon.com/general/latest/gr/sns.html
        ("AWS::SNS::TopicPolicy", 30 * 1024),
        # https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
        ("AWS::SecretsManager::ResourcePolicy", 20 * 1024),
        # https://docs.aws.amazon.com/efs/latest/ug/API_PutFileSystemPolicy.html
        ("AWS::EFS::FileSystem", 20_000),
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html
        ("AWS::SQS::QueuePolicy", 8 * 1024),
    ],
)
def test_policies_have_room(resource_type: str, longest: int) -> None:
    found = 0
    for file in FILES:
        for logical_id, resource, stack in resources(file, resource_type):
            properties = resource["Properties"]
            members = ("PolicyDocument", "KeyPolicy", "ResourcePolicy", "FileSystemPolicy")
            document = next((properties[name] for name in members if properties.get(name)), {})
            found += 1
            assert length(document, stack) <= longest, f"{file.name}: {logical_id}"
    assert found


# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html
def test_policies_of_queues_have_few_statements() -> None:
    found = 0
    for file in FILES:
        for logical_id, policy, _ in resources(file, "AWS::SQS::QueuePolicy"):
            statements = listed(policy["Properties"]["PolicyDocument"]["Statement"])
            found += 1
            assert len(statements) <= 20, f"{file.name}: {logical_id}"
            for statement in statements:
                assert len(listed(statement["Action"])) <= 7, f"{file.name}: {logical_id}"
    assert found


# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
def test_stacks_have_room() -> None:
    for file in FILES:
        for stack in stacks(file):
            assert len(stack) <= 500, file.name
            assert len(json.dumps(stack)) <= 900_000, file.name


# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
def test_functions_have_room_for_their_variables_and_layers() -> None:
    for file in FILES:
        for logical_id, function, stack in resources(file, "AWS::Lambda::Function"):
            properties = function["Properties"]
            variables = properties.get("Environment", {}).get("Variables", {})
            assert length(variables, stack) <= 4096, f"{file.name}: {logical_id}"
            assert len(properties.get("Layers", [])) <= 5, f"{file.name}: {logical_id}"
            assert properties.get("Timeout", 3) <= 900


DOCS = "https://docs.aws.amazon.com/"
CLOUDFRONT = f"{DOCS}AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html"
DYNAMODB = f"{DOCS}amazondynamodb/latest/developerguide/ServiceQuotas.html"
SQS = f"{DOCS}AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"
COUNTS = [
    # How many, or how much, of what (JMESPath over the properties), and where AWS says so.
    ("AWS::CloudFront::Distribution", "length(DistributionConfig.CacheBehaviors || `[]`)", 25, CLOUDFRONT),
    ("AWS::CloudFront::Distribution", "length(DistributionConfig.Origins)", 25, CLOUDFRONT),
    ("AWS::CloudFront::Distribution", "length(DistributionConfig.Aliases || `[]`)", 100, CLOUDFRONT),
    ("AWS::CloudFront::Function", "length(FunctionCode)", 10_240, CLOUDFRONT),
    (
        "AWS::CloudWatch::Alarm",
        "length(Dimensions || `[]`)",
        30,
        f"{DOCS}AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html",
    ),
    (
        "AWS::CloudWatch::Alarm",
        "length(Metrics[?MetricStat] || `[]`)",
        10,
        f"{DOCS}AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html",
    ),
    ("AWS::DynamoDB::GlobalTable", "length(GlobalSecondaryIndexes || `[]`)", 20, DYNAMODB),
    ("AWS::DynamoDB::GlobalTable", "length(LocalSecondaryIndexes || `[]`)", 5, DYNAMODB),
    (
        "AWS::EC2::SecurityGroup",
        "length(SecurityGroupIngress || `[]`)",
        60,
        f"{DOCS}vpc/latest/userguide/amazon-vpc-limits.html",
    ),
    (
        "AWS::ECS::TaskDefinition",
        "length(ContainerDefinitions)",
        10,
        f"{DOCS}AmazonECS/latest/developerguide/service-quotas.html",
    ),
    (
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        "length(Conditions[].*.Values[][] || `[]`)",
        5,
        f"{DOCS}elasticloadbalancing/latest/application/load-balancer-limits.html",
    ),
    ("AWS::Events::Rule", "length(Targets || `[]`)", 5, f"{DOCS}eventbridge/latest/userguide/eb-quota.html"),
    (
        "AWS::IAM::Role",
        "length(ManagedPolicyArns || `[]`)",
        10,
        f"{DOCS}IAM/latest/UserGuide/reference_iam-quotas.html",
    ),
    ("AWS::IoT::TopicRule", "length(TopicRulePayload.Actions)", 10, f"{DOCS}general/latest/gr/iot-core.html"),
    (
        "AWS::Lambda::EventSourceMapping",
        "length(FilterCriteria.Filters || `[]`)",
        5,
        f"{DOCS}lambda/latest/dg/invocation-eventfiltering.html",
    ),
    ("AWS::SNS::Subscription", "length(keys(FilterPolicy || `{}`))", 5, f"{DOCS}general/latest/gr/sns.html"),
    ("AWS::SQS::Queue", "MessageRetentionPeriod", 1_209_600, SQS),
    ("AWS::SQS::Queue", "VisibilityTimeout", 43_200, SQS),
]


@pytest.mark.parametrize(("resource_type", "counted", "most", "page"), COUNTS)
def test_resources_stay_within_what_aws_takes(resource_type: str, counted: str, most: int, page: str) -> None:
    found = 0
    for file in FILES:
        for logical_id, resource, _ in resources(file, resource_type):
            number = jmespath.search(counted, resource.get("Properties", {}))
            if isinstance(number, int):
                found += 1
                assert number <= most, f"{file.name}: {logical_id} has {number}, {page}"
    assert found


def services(value: Any, stack: Mapping[str, Any]) -> Iterator[str]:
    """The services that policies anywhere in a resource name."""
    if isinstance(value, dict):
        principal = value.get("Principal")
        if isinstance(principal, dict) and "Service" in principal:
            yield from (text(service, stack) for service in listed(principal["Service"]))
        for item in value.values():
            yield from services(item, stack)
    if isinstance(value, list):
        for item in value:
            yield from services(item, stack)


def test_services_that_policies_name_exist() -> None:
    named = {name for file in FILES for stack in stacks(file) for name in services(stack, stack)}
    assert named - PRINCIPALS - IN_EVERY_REGION == set()


def test_what_is_not_known_yet_counts_as_long() -> None:
    stack = {"Queue": {"Type": "AWS::SQS::Queue"}}
    short = {"Resource": {"Fn::GetAtt": ["Queue", "Arn"]}}
    assert length(short, stack) > 80
    assert length({"Resource": {"Fn::ImportValue": "any"}}, stack) > 100
