"""What Stamp promises in its templates; servers run in tests/behaviour/compute."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack, Stage
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, ServiceContainer, Stamp
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.stamp import build as example
from tests.networks import existing_image, existing_vpc, front
from tests.resources import only_properties

CHECK = ["python", "/app/check.py"]


@architecture
def defaults(stack: Stack) -> Stamp:
    container = ServiceContainer(existing_image(stack))
    return Stamp(stack, "Ledger", container=container, health_check_command=CHECK, vpc=existing_vpc(stack))


@architecture
def all_options(stack: Stack) -> Stamp:
    vpc = existing_vpc(stack)
    topic = sns.Topic(stack, "Alarms", enforce_ssl=True)
    stamp = Stamp(
        stack,
        "Ledger",
        container=ServiceContainer(existing_image(stack), stop_timeout=Duration.seconds(60)),
        health_check_command=CHECK,
        vpc=vpc,
        cluster=ecs.Cluster.from_cluster_attributes(stack, "Existing", cluster_name="existing", vpc=vpc),
        vpc_subnets=ec2.SubnetSelection(subnets=vpc.private_subnets),
        replaced_within=Duration.minutes(10),
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=topic,
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )
    stamp.add_route("Web", front=front(stack, vpc=vpc))
    return stamp


@architecture
def inside_a_stage(app: App) -> Stamp:
    return defaults(Stack(Stage(app, "StampStage"), "Service"))


architecture(example)
BUILDS = [defaults, all_options, inside_a_stage, example]


@pytest.mark.parametrize("build", [defaults, all_options], ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", [defaults, all_options], ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(Stamp, synthesis(example))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_there_is_one_server_and_never_two(synthesis: Synthesis) -> None:
    service = only_properties(synthesis(defaults), "AWS::ECS::Service")
    assert service["DesiredCount"] == 1
    deployment = service["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (0, 100)
    assert service["AvailabilityZoneRebalancing"] == "DISABLED"  # it would need two for a while


def test_another_zone_can_have_it(synthesis: Synthesis) -> None:
    inside = only_properties(synthesis(defaults), "AWS::ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert len(inside["Subnets"]) == 2
    assert inside["AssignPublicIp"] == "DISABLED"


@pytest.mark.parametrize(("build", "minutes", "stop"), [(defaults, 5, 30), (all_options, 10, 60)])
def test_the_time_is_enough_to_notice_to_stop_and_to_start(
    synthesis: Synthesis, build: Callable[..., Any], minutes: int, stop: int
) -> None:
    (container,) = only_properties(synthesis(build), "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    check = container["HealthCheck"]
    assert check["Command"] == ["CMD", *CHECK]
    noticed = check["Interval"] * check["Retries"] + check["Timeout"]
    assert container["StopTimeout"] == stop
    assert noticed + stop + check["StartPeriod"] <= minutes * 60
    assert check["StartPeriod"] == min(300, minutes * 60 - noticed - stop)


def test_an_alarm_says_when_it_is_away_for_longer(synthesis: Synthesis) -> None:
    alarms = synthesis(all_options).resources("AWS::CloudWatch::Alarm")
    (away,) = [alarm["Properties"] for name, alarm in alarms.items() if "ReplacementAlarm" in name]
    assert (away["MetricName"], away["Statistic"], away["Period"]) == ("CPUUtilization", "SampleCount", 60)
    assert (away["EvaluationPeriods"], away["TreatMissingData"]) == (10, "breaching")
    (unavailable,) = [alarm["Properties"] for name, alarm in alarms.items() if "UnavailableAlarm" in name]
    assert (unavailable["MetricName"], unavailable["EvaluationPeriods"]) == ("HealthyHostCount", 10)
    assert synthesis(defaults).result.alarms == []


def test_settings_are_read_when_a_task_starts(synthesis: Synthesis) -> None:
    (container,) = only_properties(synthesis(example), "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert [secret["Name"] for secret in container["Secrets"]] == ["RELEASE"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"health_check_command": []}, r"health_check_command is \[\]"),
        ({"replaced_within": Duration.minutes(1)}, r"replaced_within is 1 minute\. Use 2 minutes to 30 minutes"),
        ({"replaced_within": Duration.seconds(150)}, r"replaced_within is 150 seconds.*in steps of 1 minute"),
        ({"replaced_within": Duration.minutes(31)}, "replaced_within is 31 minutes"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], message: str) -> None:
    stack = Stack()
    given = {"health_check_command": CHECK, **options}
    with pytest.raises(InvalidOptionError, match=message):
        Stamp(stack, "A", container=ServiceContainer(existing_image(stack)), vpc=existing_vpc(stack), **given)


def test_a_time_that_a_slow_stop_uses_up_is_refused() -> None:
    stack = Stack()
    container = ServiceContainer(existing_image(stack), stop_timeout=Duration.seconds(120))
    with pytest.raises(InvalidOptionError, match=r"beside a stop_timeout of 120 s\. Use 3 minutes or more"):
        Stamp(
            stack,
            "A",
            container=container,
            health_check_command=CHECK,
            vpc=existing_vpc(stack),
            replaced_within=Duration.minutes(2),
        )


def test_what_is_of_another_network_is_refused() -> None:
    stack = Stack()
    stamp = defaults(stack)
    other = existing_vpc(stack, "Other", "vpc-0123456789abcdef9")
    with pytest.raises(InvalidOptionError, match="front is Default/Front, which is in another network"):
        stamp.add_route("Web", front=front(stack, vpc=other))
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Existing", cluster_name="existing", vpc=other)
    with pytest.raises(InvalidOptionError, match="cluster is Default/Existing, which is in another network"):
        Stamp(
            stack,
            "Second",
            container=ServiceContainer(ecs.ContainerImage.from_registry("shop")),
            health_check_command=CHECK,
            vpc=existing_vpc(stack, "Third"),
            cluster=cluster,
        )
