"""Board D7 on AWS Elastic Beanstalk: what its template says; nothing of it runs on the embedded cloud."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from syrupy.assertion import SnapshotAssertion

from cdp_constructs.testing import Synthesis, architecture
from stacks.dojo import system
from stacks.dojo.parts import APPLICATION, RUNBOOKS
from tests.stacks.runbooks import ROOT

STACK = "Ichinensei"
ENVIRONMENT = "AWS::ElasticBeanstalk::Environment"


@architecture
def beanstalk(app: App) -> dict[str, Stack]:
    """The board with a version and a size that an operator chose."""
    return system.add_to(
        app,
        {
            "boards": ["ichinensei"],
            "ichinensei_platform": "elastic_beanstalk",
            "beanstalk_platform_version": "4.14.0",
            "beanstalk_instance_type": "c7g.large",
        },
    )


@pytest.fixture
def made(synthesis: Synthesis) -> dict[str, Any]:
    resources: dict[str, Any] = synthesis(beanstalk).templates[STACK]["Resources"]
    return resources


def of_kind(made: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: one["Properties"] for name, one in made.items() if one["Type"] == kind}


@pytest.fixture
def options(made: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """The environment's option settings, each of them once."""
    [environment] = of_kind(made, ENVIRONMENT).values()
    given = [((one["Namespace"], one["OptionName"]), one["Value"]) for one in environment["OptionSettings"]]
    assert len(dict(given)) == len(given)
    return dict(given)


def statements(made: dict[str, Any]) -> list[dict[str, Any]]:
    """What the role of the instances may do."""
    [role] = [name for name in of_kind(made, "AWS::IAM::Role") if name.startswith("ServersRole")]
    return [
        statement
        for policy in of_kind(made, "AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_stack(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(beanstalk).normalised == template_snapshot


def test_card(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(beanstalk).cards[STACK] == card_snapshot


def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis) -> None:
    assert synthesis(beanstalk).findings("AwsSolutions", "Serverless") == []


def test_no_server_of_fargate_is_left(made: dict[str, Any]) -> None:
    kinds = {one["Type"] for one in made.values()}
    assert not {kind for kind in kinds if kind.startswith(("AWS::ECS::", "AWS::ElasticLoadBalancingV2::"))}


def test_the_platform_is_docker_on_amazon_linux_2023_in_the_version_of_the_operator(made: dict[str, Any]) -> None:
    [environment] = of_kind(made, ENVIRONMENT).values()
    arn = json.dumps(environment["PlatformArn"])
    assert "elasticbeanstalk:us-west-2::platform/Docker running on 64bit Amazon Linux 2023/4.14.0" in arn
    assert "SolutionStackName" not in environment


def test_the_source_bundle_is_the_application_with_its_dockerfile(synthesis: Synthesis, made: dict[str, Any]) -> None:
    [version] = of_kind(made, "AWS::ElasticBeanstalk::ApplicationVersion").values()
    name = Path(version["SourceBundle"]["S3Key"]).stem
    bundle = synthesis(beanstalk).assembly / f"asset.{name}"
    files = {file.relative_to(bundle).as_posix() for file in bundle.rglob("*") if file.is_file()}
    assert {"Dockerfile", "__main__.py", "requirements.txt", ".ebextensions/instance_metadata.config"} <= files
    assert not [file for file in files if "__pycache__" in file]
    assert (bundle / "Dockerfile").read_text() == (APPLICATION / "Dockerfile").read_text()


def test_two_instances_in_two_zones_of_the_size_of_the_operator(options: dict[tuple[str, str], Any]) -> None:
    group = "aws:autoscaling:asg"
    assert (options[group, "MinSize"], options[group, "MaxSize"]) == ("2", "2")
    assert options[group, "Availability Zones"] == "Any 2"
    assert options["aws:ec2:instances", "InstanceTypes"] == "c7g.large"
    for subnets in ("Subnets", "ELBSubnets"):
        assert json.dumps(options["aws:ec2:vpc", subnets]).count("Ref") == 2
    assert options["aws:ec2:vpc", "AssociatePublicIpAddress"] == "false"


def test_another_size_or_version_starts_before_the_old_one_ends(options: dict[tuple[str, str], Any]) -> None:
    assert options["aws:autoscaling:updatepolicy:rollingupdate", "RollingUpdateType"] == "Immutable"
    assert options["aws:elasticbeanstalk:command", "DeploymentPolicy"] == "Immutable"


def test_people_reach_it_over_https_only(made: dict[str, Any], options: dict[tuple[str, str], Any]) -> None:
    assert options["aws:elbv2:listener:default", "ListenerEnabled"] == "false"
    assert options["aws:elbv2:listener:443", "Protocol"] == "HTTPS"
    assert "TLS13-1-2" in options["aws:elbv2:listener:443", "SSLPolicy"]
    [record] = of_kind(made, "AWS::Route53::RecordSet").values()
    [environment] = of_kind(made, ENVIRONMENT)
    assert (record["Name"], record["Type"]) == ("ichinensei.dojo.example.com.", "CNAME")
    assert record["ResourceRecords"] == [{"Fn::GetAtt": [environment, "EndpointURL"]}]


def test_the_application_has_the_settings_that_it_has_on_fargate(options: dict[tuple[str, str], Any]) -> None:
    plain = {name: value for (space, name), value in options.items() if space.endswith(":application:environment")}
    assert (plain["CHAT_STORE"], plain["CHAT_FAN_OUT"], plain["CHAT_SIGN_IN"]) == ("table", "cache", "user_pool")
    assert plain["AWS_DEFAULT_REGION"] == "us-west-2"
    secret = {name: value for (space, name), value in options.items() if space.endswith(":environmentsecrets")}
    assert set(secret) == {"CHAT_SESSION_KEY", "CHAT_CACHE_SECRET"}
    # ARNs, which instances read the values of.
    assert all(set(value) == {"Ref"} for value in secret.values())


def test_metadata_of_an_instance_needs_a_session_and_reaches_a_container(
    options: dict[tuple[str, str], Any],
) -> None:
    assert options["aws:autoscaling:launchconfiguration", "DisableIMDSv1"] == "true"
    assert "HttpPutResponseHopLimit: 2\n" in (APPLICATION / ".ebextensions/instance_metadata.config").read_text()


def test_instances_may_do_what_the_application_and_the_platform_need_and_nothing_else(made: dict[str, Any]) -> None:
    every = [
        (action, json.dumps(resource))
        for statement in statements(made)
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        for resource in (statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]])
    ]
    assert {action for action, _ in every if not action.startswith("dynamodb:")} == {
        "elasticbeanstalk:PutInstanceStatistics",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "lambda:InvokeFunction",
        "logs:CreateLogStream",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:PutObject",
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "sns:Publish",
    }
    assert [one for one in every if one[1] == '"*"'] == []
    ends = {(action, resource) for action, resource in every if "*" in resource}
    assert {action for action, _ in ends} == {
        "logs:CreateLogStream",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:PutObject",
    }
    for action, resource in ends:
        own = "log-group:/aws/elasticbeanstalk/Ichinensei/*" if action.startswith("logs:") else ""
        bounds = {"s3:GetObject": "/accepted/*", "s3:PutObject": "resources/environments/logs/*"}
        assert (own or bounds[action]) in resource, (action, resource)
    assert [statement for statement in statements(made) if statement["Effect"] != "Allow"] == []


def test_only_instances_are_let_in_to_the_cache(made: dict[str, Any]) -> None:
    rules = of_kind(made, "AWS::EC2::SecurityGroupIngress").values()
    to_cache = [one for one in rules if "CacheSecurityGroup" in json.dumps(one["GroupId"])]
    assert ["Instances" in json.dumps(one["SourceSecurityGroupId"]) for one in to_cache] == [True]


def test_an_environment_that_is_degraded_or_silent_is_told_to_the_operators(made: dict[str, Any]) -> None:
    [alarm] = [
        one for one in of_kind(made, "AWS::CloudWatch::Alarm").values() if one.get("MetricName") == "EnvironmentHealth"
    ]
    assert alarm["TreatMissingData"] == "breaching"
    assert "AlarmsFanoutTopic" in json.dumps(alarm["AlarmActions"])
    page = alarm["AlarmDescription"].rpartition(" Runbook: ")[2]
    assert page == f"{RUNBOOKS}/degraded.md"
    assert (ROOT / page).is_file()
