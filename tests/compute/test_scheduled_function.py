"""What ScheduledFunction promises in its templates; what it does is in tests/behaviour/compute."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack, Stage, TimeZone
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import AsyncRetries, IdempotentFunction, InvalidOptionError, ScheduledFunction
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.scheduled_function import build as example

TABLE_ARN = "arn:aws:dynamodb:us-east-1:111122223333:table/existing"
REPORT = Path(__file__).parents[2] / "docs/examples/daily_report"
HOURLY = scheduler.ScheduleExpression.rate(Duration.hours(1))
AT_SEVEN = scheduler.ScheduleExpression.cron(hour="7", minute="0", time_zone=TimeZone.ASIA_TOKYO)


def function(stack: Stack, name: str = "Report") -> lambda_.Function:
    return add_function(stack, name, handler=REPORT, description="Reports", invocation=Invocation.REQUEST)


@architecture
def defaults(stack: Stack) -> ScheduledFunction:
    return ScheduledFunction(stack, "Hourly", function=function(stack), schedule=HOURLY)


@architecture
def all_options(stack: Stack) -> ScheduledFunction:
    return ScheduledFunction(
        stack,
        "Daily",
        function=function(stack),
        schedule=AT_SEVEN,
        flexible_window=Duration.minutes(15),
        retries=AsyncRetries(attempts=0, max_event_age=Duration.minutes(10)),
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        removal_policy=RemovalPolicy.DESTROY,
    )


@architecture
def imported(stack: Stack) -> ScheduledFunction:
    table = dynamodb.TableV2.from_table_arn(stack, "Table", TABLE_ARN)
    return ScheduledFunction(stack, "Hourly", function=function(stack), schedule=HOURLY, table=table)


@architecture
def two_with_the_table_of_one(stack: Stack) -> list[ScheduledFunction]:
    first = defaults(stack)
    cleaning = function(stack, "Cleaning")
    return [first, ScheduledFunction(stack, "Daily", function=cleaning, schedule=AT_SEVEN, table=first.table)]


@architecture
def inside_a_stage(app: App) -> ScheduledFunction:
    return defaults(Stack(Stage(app, "ScheduledFunctionStage"), "Service"))


architecture(example)
REVIEWED = [defaults, all_options, imported]
BUILDS = [*REVIEWED, two_with_the_table_of_one, inside_a_stage]


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(ScheduledFunction, synthesis(example))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_what_the_example_adds_has_no_open_finding(synthesis: Synthesis) -> None:
    assert [one for one in synthesis(example).findings("AwsSolutions", "Serverless") if "/Report" not in one] == []


def schedule_of(built: Any) -> dict[str, Any]:
    (found,) = built.resources("AWS::Scheduler::Schedule").values()
    properties: dict[str, Any] = found["Properties"]
    return properties


def test_a_schedule_has_its_expression_time_zone_and_window(synthesis: Synthesis) -> None:
    properties = schedule_of(synthesis(all_options))
    assert properties["ScheduleExpression"] == "cron(0 7 * * ? *)"
    assert properties["ScheduleExpressionTimezone"] == "Asia/Tokyo"
    assert properties["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}
    properties = schedule_of(synthesis(defaults))
    assert properties["ScheduleExpression"] == "rate(1 hour)"
    assert properties["FlexibleTimeWindow"] == {"Mode": "OFF"}


def test_the_function_is_told_the_time_that_it_is_called_for(synthesis: Synthesis) -> None:
    told = json.loads(schedule_of(synthesis(defaults))["Target"]["Input"])
    assert told["scheduled_time"] == "<aws.scheduler.scheduled-time>"


def test_calls_and_runs_are_tried_as_long_as_the_option_says_and_kept_in_one_queue(synthesis: Synthesis) -> None:
    for build, attempts, age in ((defaults, 2, 3_600), (all_options, 0, 600)):
        built = synthesis(build)
        target = schedule_of(built)["Target"]
        (settings,) = built.resources("AWS::Lambda::EventInvokeConfig").values()
        properties = settings["Properties"]
        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == properties["MaximumEventAgeInSeconds"] == age
        assert properties["MaximumRetryAttempts"] == attempts
        assert target["DeadLetterConfig"]["Arn"] == properties["DestinationConfig"]["OnFailure"]["Destination"]


def test_the_scheduler_may_call_this_function_and_send_to_its_queue_only(synthesis: Synthesis) -> None:
    policies = synthesis(defaults).resources("AWS::IAM::Policy")
    (of_schedule,) = [one for logical_id, one in policies.items() if "ScheduleRole" in logical_id]
    granted = of_schedule["Properties"]["PolicyDocument"]["Statement"]
    assert [one["Action"] for one in granted] == ["lambda:InvokeFunction", "sqs:SendMessage"]
    assert all("Fn::GetAtt" in one["Resource"] for one in granted)


def test_lambda_calls_the_module_which_calls_the_handler(synthesis: Synthesis) -> None:
    (made,) = synthesis(defaults).resources("AWS::Lambda::Function").values()
    assert made["Properties"]["Handler"] == "run_once.schedule.handler"
    assert made["Properties"]["Environment"]["Variables"]["RUN_ONCE_HANDLER"] == "examples.daily_report.index.handler"


def test_functions_that_share_a_table_reach_their_own_records_only(synthesis: Synthesis) -> None:
    built = synthesis(two_with_the_table_of_one)
    assert len(built.resources("AWS::DynamoDB::GlobalTable")) == 1
    conditions = [
        str(statement["Condition"])
        for policy in built.resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "dynamodb:LeadingKeys" in str(statement.get("Condition"))
    ]
    assert len(set(conditions)) == 2


def test_each_failure_raises_an_alarm(synthesis: Synthesis) -> None:
    assert sorted(alarm.node.id for alarm in synthesis(all_options).result.alarms) == [
        "DeadLetterQueueAlarm",
        "LoggedErrorsAlarm",
        "LostEventsAlarm",
        "SkippedRunsAlarm",
    ]
    assert synthesis(defaults).result.alarms == []


def test_a_customer_managed_key_encrypts_table_and_queue(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    key = {"Fn::GetAtt": [next(iter(built.resources("AWS::KMS::Key"))), "Arn"]}
    (queue,) = built.resources("AWS::SQS::Queue").values()
    (table,) = built.resources("AWS::DynamoDB::GlobalTable").values()
    assert queue["Properties"]["KmsMasterKeyId"] == key
    assert table["Properties"]["Replicas"][0]["SSESpecification"]["KMSMasterKeyId"] == key


def test_a_function_is_given_to_one_pattern(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Office")
    report = function(stack)
    IdempotentFunction(stack, "Once", function=report)
    with pytest.raises(InvalidOptionError, match="function is Office/Report, which Office/Once has already"):
        ScheduledFunction(stack, "Hourly", function=report, schedule=HOURLY)


def test_metrics_are_those_of_the_function(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Office")
    hourly = ScheduledFunction(stack, "Hourly", function=function(stack), schedule=HOURLY)
    assert hourly.metric_skipped().metric_name == "SkippedRuns"
    assert hourly.metric_dead_letters().metric_name == "ApproximateNumberOfMessagesVisible"
