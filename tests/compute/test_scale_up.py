"""What ScaleUp promises in its templates; sizes change in tests/behaviour/compute."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, RemovalPolicy, Stack, Stage
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import (
    DatabaseCapacity,
    InvalidOptionError,
    ScaleOutService,
    ScaleUp,
    ServiceContainer,
    Stamp,
    TaskSize,
)
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.scale_up import build as example
from tests.networks import existing_image, existing_vpc, front

AT_SEVEN = scheduler.ScheduleExpression.cron(hour="7", minute="0")
LARGE = TaskSize(cpu=1024, memory_limit_mib=2048)


def server(stack: Stack) -> Stamp:
    container = ServiceContainer(existing_image(stack))
    return Stamp(stack, "Ledger", container=container, health_check_command=["check"], vpc=existing_vpc(stack))


def cluster(stack: Stack) -> rds.IDatabaseCluster:
    return rds.DatabaseCluster.from_database_cluster_attributes(stack, "Orders", cluster_identifier="orders")


@architecture
def of_a_server(stack: Stack) -> ScaleUp:
    size = ScaleUp(stack, "Size", service=server(stack))
    size.scale_on_schedule("Morning", schedule=AT_SEVEN, size=LARGE)
    size.scale_on_schedule("Evening", schedule=AT_SEVEN, size=TaskSize(cpu=256, memory_limit_mib=512))
    return size


@architecture
def all_options(stack: Stack) -> ScaleUp:
    topic = sns.Topic(stack, "Alarms", enforce_ssl=True)
    size = ScaleUp(
        stack,
        "Size",
        service=ScaleOutService(
            stack, "Shop", front=front(stack), container=ServiceContainer(existing_image(stack)), alarm_topic=topic
        ),
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=topic,
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )
    busy = cloudwatch.Alarm(
        stack,
        "Busy",
        metric=cloudwatch.Metric(namespace="Shop", metric_name="Waiting"),
        threshold=1,
        evaluation_periods=1,
    )
    busy.add_alarm_action(_nothing())
    size.scale_on_alarm("Emergency", alarm=busy, size=LARGE)
    size.scale_on_schedule("Morning", schedule=AT_SEVEN, size=LARGE)
    return size


def _nothing() -> Any:
    from aws_cdk import aws_cloudwatch_actions as actions

    return actions.SsmAction(actions.OpsItemSeverity.LOW)


@architecture
def of_a_database(stack: Stack) -> ScaleUp:
    size = ScaleUp(stack, "Size", database=cluster(stack))
    size.scale_on_schedule("Morning", schedule=AT_SEVEN, size=DatabaseCapacity(min_capacity=8, max_capacity=64))
    return size


@architecture
def inside_a_stage(app: App) -> ScaleUp:
    return of_a_server(Stack(Stage(app, "ScaleUpStage"), "Service"))


architecture(example)
SNAPSHOTS = [of_a_server, all_options, of_a_database]
BUILDS = [*SNAPSHOTS, inside_a_stage]


@pytest.mark.parametrize("build", SNAPSHOTS, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", SNAPSHOTS, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(ScaleUp, synthesis(example))


@pytest.mark.parametrize("build", [*BUILDS, example], ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def statements(synthesis: Synthesis, build: Callable[..., Any]) -> dict[str, list[Any]]:
    """What the function may do, with the resources; without its log and its dead-letter queue."""
    found: dict[str, list[Any]] = {}
    for policy in synthesis(build).resources("AWS::IAM::Policy").values():
        properties = policy["Properties"]
        if any(role["Ref"].startswith("SizeFunctionRole") for role in properties["Roles"]):
            for statement in properties["PolicyDocument"]["Statement"]:
                actions = statement["Action"]
                for action in [actions] if isinstance(actions, str) else actions:
                    if not action.startswith(("logs:", "sqs:")):
                        found.setdefault(action, []).append(statement["Resource"])
    return found


def test_every_size_is_a_task_definition_of_the_template_with_the_same_roles(synthesis: Synthesis) -> None:
    definitions = synthesis(of_a_server).resources("AWS::ECS::TaskDefinition")
    sizes = {(one["Properties"]["Cpu"], one["Properties"]["Memory"]) for one in definitions.values()}
    assert sizes == {("256", "512"), ("1024", "2048")}
    for name in ("TaskRoleArn", "ExecutionRoleArn"):
        assert len({json.dumps(one["Properties"][name]) for one in definitions.values()}) == 1
    containers = [one["Properties"]["ContainerDefinitions"] for one in definitions.values()]
    assert containers[0] == containers[1]


def test_schedules_say_which(synthesis: Synthesis) -> None:
    schedules = synthesis(of_a_server).resources("AWS::Scheduler::Schedule")
    definitions = synthesis(of_a_server).resources("AWS::ECS::TaskDefinition")
    wanted = {name[:11]: json.dumps(one["Properties"]["Target"]["Input"]) for name, one in schedules.items()}
    (large,) = [name for name, one in definitions.items() if one["Properties"]["Cpu"] == "1024"]
    assert large in wanted["SizeMorning"]
    assert large not in wanted["SizeEvening"]
    assert "task_definition" in wanted["SizeEvening"]
    for schedule in schedules.values():
        assert "DeadLetterConfig" in schedule["Properties"]["Target"]


def test_a_function_changes_one_service_and_registers_nothing(synthesis: Synthesis) -> None:
    allowed = statements(synthesis, of_a_server)
    assert set(allowed) == {"ecs:UpdateService", "iam:PassRole"}
    assert "LedgerService" in json.dumps(allowed["ecs:UpdateService"])
    assert "*" not in json.dumps(allowed["iam:PassRole"])


def test_a_function_changes_one_database(synthesis: Synthesis) -> None:
    allowed = statements(synthesis, of_a_database)
    assert set(allowed) == {"rds:ModifyDBCluster"}
    assert json.dumps(allowed["rds:ModifyDBCluster"]).endswith(':cluster:orders"]]}]')


def test_an_alarm_changes_the_size_and_what_fails_has_a_place(synthesis: Synthesis) -> None:
    rules = synthesis(all_options).resources("AWS::Events::Rule")
    (emergency,) = [rule["Properties"] for name, rule in rules.items() if name.startswith("SizeEmergency")]
    assert emergency["EventPattern"]["detail"] == {"state": {"value": ["ALARM"]}}
    (failed,) = [rule["Properties"] for name, rule in rules.items() if name.startswith("SizeFailedDeployments")]
    assert failed["EventPattern"]["detail"] == {"eventName": ["SERVICE_DEPLOYMENT_FAILED"]}
    for rule in (emergency, failed):
        assert "DeadLetterQueue" in json.dumps(rule["Targets"][0]["DeadLetterConfig"])
    assert [alarm.node.id for alarm in synthesis(all_options).result.alarms] == ["DeadLetterQueueAlarm"]
    # One definition for both, although two ask for the size.
    assert len(synthesis(all_options).resources("AWS::ECS::TaskDefinition")) == 2


def test_one_of_the_two_is_needed() -> None:
    stack = Stack()
    with pytest.raises(InvalidOptionError, match=r"service is missing\. Give service or database"):
        ScaleUp(stack, "A")
    with pytest.raises(InvalidOptionError, match=r"database was given together with service\. Give one of the two"):
        ScaleUp(stack, "B", service=server(stack), database=cluster(stack))


def test_a_size_fits_what_changes() -> None:
    stack = Stack()
    with pytest.raises(InvalidOptionError, match=r"size is DatabaseCapacity.*Give a TaskSize for a service"):
        ScaleUp(stack, "A", service=server(stack)).scale_on_schedule(
            "Morning", schedule=AT_SEVEN, size=DatabaseCapacity(min_capacity=1, max_capacity=2)
        )
    with pytest.raises(InvalidOptionError, match=r"size is TaskSize.*Give a DatabaseCapacity for a database"):
        ScaleUp(stack, "B", database=cluster(stack)).scale_on_schedule("Morning", schedule=AT_SEVEN, size=LARGE)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TaskSize(cpu=512, memory_limit_mib=512), r"memory_limit_mib is 512 MiB beside 512 units"),
        (lambda: DatabaseCapacity(min_capacity=4, max_capacity=2), r"max_capacity is 2 ACU\. Use 4 to 256 ACU"),
        (lambda: DatabaseCapacity(min_capacity=0.7, max_capacity=2), r"min_capacity is 0\.7 ACU\. Use a multiple of"),
    ],
)
def test_sizes_that_do_not_exist_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        make()


def test_a_size_of_its_own_is_not_made_again() -> None:
    stack = Stack()
    ledger = server(stack)
    assert ledger.add_size("Same", cpu=256, memory_limit_mib=512) is ledger.task_definition
    assert isinstance(ledger.add_size("Other", cpu=512, memory_limit_mib=1024), ecs.FargateTaskDefinition)


@pytest.mark.parametrize(
    "expression",
    [
        "rate(0 minutes)",
        "rate(5 seconds)",
        "every hour",
        "cron(0 7 * *)",
        "cron(0 7 * * * *)",
        "cron(0 25 ? * MON *)",
        "cron(60 7 ? * MON *)",
        "cron(0 7 ? * MOO *)",
        "cron(0/0 7 ? * MON *)",
        "at(2026-02-30T10:00:00)",
        "at(tomorrow)",
    ],
)
def test_a_schedule_that_never_comes_is_refused(expression: str) -> None:
    stack = Stack(App(), "Test")
    size = ScaleUp(stack, "Size", database=cluster(stack))
    schedule = scheduler.ScheduleExpression.expression(expression)
    with pytest.raises(InvalidOptionError, match=rf"Test/Size: schedule is '{re.escape(expression)}'.* Use cron"):
        size.scale_on_schedule("Morning", schedule=schedule, size=DatabaseCapacity(min_capacity=1, max_capacity=2))


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 hours)",
        "rate(2 minutes)",
        "cron(0/15 7-19 ? JAN,mar MON-FRI 2026/2)",
        "cron(0 7 L-3 * ? *)",
        "cron(0 7 15W * ? *)",
        "cron(0 7 ? * 6#3 *)",
        "cron(0 7 ? * FRIL *)",
        "at(2028-02-29T10:00:00)",
    ],
)
def test_a_schedule_of_the_service_is_accepted(expression: str) -> None:
    stack = Stack(App(), "Test")
    schedule = scheduler.ScheduleExpression.expression(expression)
    ScaleUp(stack, "Size", database=cluster(stack)).scale_on_schedule(
        "Morning", schedule=schedule, size=DatabaseCapacity(min_capacity=1, max_capacity=2)
    )
    [made] = Template.from_stack(stack).find_resources("AWS::Scheduler::Schedule").values()
    assert made["Properties"]["ScheduleExpression"] == expression
