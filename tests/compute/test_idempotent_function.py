"""What IdempotentFunction promises in its templates; what it does is in tests/behaviour/compute."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack, Stage
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import AsyncRetries, IdempotentFunction, InvalidOptionError
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.idempotent_function import build as example

TABLE_ARN = "arn:aws:dynamodb:us-east-1:111122223333:table/existing"
STREAM_ARN = "arn:aws:kinesis:us-east-1:111122223333:stream/existing"
CHARGE = Path(__file__).parents[2] / "docs/examples/charge"


def function(stack: Stack, name: str = "Charge") -> lambda_.Function:
    return add_function(stack, name, handler=CHARGE, description="Charges", invocation=Invocation.REQUEST)


def table(stack: Stack, **options: Any) -> dynamodb.TableV2:
    return dynamodb.TableV2(
        stack,
        "Given",
        partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        **options,
    )


@architecture
def defaults(stack: Stack) -> IdempotentFunction:
    return IdempotentFunction(stack, "Payments", function=function(stack))


@architecture
def all_options(stack: Stack) -> IdempotentFunction:
    payments = IdempotentFunction(
        stack,
        "Payments",
        function=function(stack),
        key_path="payment",
        validation_path="amount",
        expires_after=Duration.days(7),
        retries=AsyncRetries(attempts=1, max_event_age=Duration.hours(1)),
        reserved_concurrency=20,
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        removal_policy=RemovalPolicy.DESTROY,
    )
    stream = kinesis.Stream(stack, "Stream", encryption=kinesis.StreamEncryption.MANAGED)
    payments.add_stream_source("Orders", stream=stream, batch_size=10, max_record_age=Duration.hours(6))
    changes = table(stack, dynamo_stream=dynamodb.StreamViewType.NEW_IMAGE)
    payments.add_stream_source("Changes", table=changes, retry_attempts=2, parallelization_factor=3)
    payments.add_log_metric("Refusals", pattern=logs.FilterPattern.literal('{ $.message = "refused*" }'))
    return payments


@architecture
def imported(stack: Stack) -> IdempotentFunction:
    payments = IdempotentFunction(
        stack, "Payments", function=function(stack), table=dynamodb.TableV2.from_table_arn(stack, "Table", TABLE_ARN)
    )
    payments.add_stream_source("Orders", stream=kinesis.Stream.from_stream_arn(stack, "Stream", STREAM_ARN))
    return payments


@architecture
def of_one_table(stack: Stack) -> list[IdempotentFunction]:
    shared = table(stack, time_to_live_attribute="expires_at")
    return [
        IdempotentFunction(stack, f"{name}Once", function=function(stack, name), table=shared)
        for name in ("Charge", "Refund")
    ]


@architecture
def of_another_python(stack: Stack) -> IdempotentFunction:
    older = lambda_.Function(
        stack,
        "Older",
        runtime=lambda_.Runtime.PYTHON_3_12,
        handler="folder/index.handler",
        code=lambda_.Code.from_asset(str(CHARGE)),
        tracing=lambda_.Tracing.ACTIVE,
    )
    return IdempotentFunction(stack, "Payments", function=older)


@architecture
def with_an_alias(stack: Stack) -> IdempotentFunction:
    payments = defaults(stack)
    alias = lambda_.Alias(stack, "Live", alias_name="live", version=payments.function.current_version)
    payments.add_alias(alias)
    return payments


@architecture
def inside_a_stage(app: App) -> IdempotentFunction:
    return defaults(Stack(Stage(app, "IdempotentFunctionStage"), "Service"))


architecture(example)
REVIEWED = [defaults, all_options, imported]
BUILDS = [*REVIEWED, of_one_table, with_an_alias, inside_a_stage]


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(IdempotentFunction, synthesis(example))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_what_the_example_adds_has_no_open_finding(synthesis: Synthesis) -> None:
    assert [one for one in synthesis(example).findings("AwsSolutions", "Serverless") if "/Charge" not in one] == []


def functions_of(built: Any) -> list[dict[str, Any]]:
    return [one["Properties"] for one in built.resources("AWS::Lambda::Function").values()]


def statements(built: Any, prefix: str) -> list[dict[str, Any]]:
    policies = built.resources("AWS::IAM::Policy")
    (policy,) = [policy for logical_id, policy in policies.items() if logical_id.startswith(prefix)]
    found: list[dict[str, Any]] = policy["Properties"]["PolicyDocument"]["Statement"]
    return found


def test_lambda_calls_the_module_which_calls_the_handler(synthesis: Synthesis) -> None:
    (properties,) = functions_of(synthesis(defaults))
    assert properties["Handler"] == "run_once.request.handler"
    assert properties["Environment"]["Variables"]["RUN_ONCE_HANDLER"] == "examples.charge.index.handler"
    assert len(properties["Layers"]) == 2, "Powertools is there already"


def test_powertools_fits_runtime_and_architecture_of_the_function(synthesis: Synthesis) -> None:
    (properties,) = functions_of(synthesis(of_another_python))
    assert properties["Environment"]["Variables"]["RUN_ONCE_HANDLER"] == "folder/index.handler"
    parameters = synthesis(of_another_python).template_json["Parameters"].values()
    names = [one["Default"] for one in parameters if "powertools" in one["Default"]]
    assert len(names) == 1
    assert names[0].startswith("/aws/service/powertools/python/x86_64/python3.12/")


def test_a_function_reaches_its_own_records_only(synthesis: Synthesis) -> None:
    for name in ("Charge", "Refund"):
        (of_records,) = [one for one in statements(synthesis(of_one_table), name) if "Condition" in one]
        (prefix,) = of_records["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        assert name in prefix
        assert prefix.endswith("#*")
        assert set(of_records["Action"]) == {
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
        }


def test_only_the_streams_names_are_granted_for_all_resources(synthesis: Synthesis) -> None:
    everything = [one["Action"] for one in statements(synthesis(all_options), "Charge") if one["Resource"] == "*"]
    assert everything == ["dynamodb:ListStreams"]


def test_failed_invocations_are_kept_and_tried_as_the_options_say(synthesis: Synthesis) -> None:
    for build, attempts, age in ((defaults, 2, 21_600), (all_options, 1, 3_600)):
        (settings,) = synthesis(build).resources("AWS::Lambda::EventInvokeConfig").values()
        properties = settings["Properties"]
        assert (properties["MaximumRetryAttempts"], properties["MaximumEventAgeInSeconds"]) == (attempts, age)
        assert "OnFailure" in properties["DestinationConfig"]


def test_an_alias_keeps_its_failures_too(synthesis: Synthesis) -> None:
    settings = synthesis(with_an_alias).resources("AWS::Lambda::EventInvokeConfig").values()
    assert sorted(one["Properties"]["Qualifier"] for one in settings) == ["$LATEST", "live"]
    assert len({str(one["Properties"]["DestinationConfig"]) for one in settings}) == 1


def test_a_poison_record_is_bisected_and_its_place_kept(synthesis: Synthesis) -> None:
    mappings = synthesis(all_options).resources("AWS::Lambda::EventSourceMapping").values()
    assert [one["Properties"]["MaximumRetryAttempts"] for one in mappings] == [5, 2]
    for mapping in mappings:
        assert mapping["Properties"]["BisectBatchOnFunctionError"] is True
        assert mapping["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert "OnFailure" in mapping["Properties"]["DestinationConfig"]
    assert set(synthesis(all_options).result.stream_dead_letter_queues) == {"Orders", "Changes"}


def test_each_failure_raises_an_alarm(synthesis: Synthesis) -> None:
    paths = [alarm.node.path.partition("/Payments/")[2] for alarm in synthesis(all_options).result.alarms]
    assert sorted(paths) == [
        "Changes/DeadLetterQueueAlarm",
        "Changes/StreamAgeAlarm",
        "DeadLetterQueueAlarm",
        "LoggedErrorsAlarm",
        "LostEventsAlarm",
        "Orders/DeadLetterQueueAlarm",
        "Orders/StreamAgeAlarm",
    ]
    assert synthesis(defaults).result.alarms == []


def test_the_alarm_of_logged_errors_watches_what_the_filter_counts(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    counted = {
        one["Properties"]["FilterPattern"]: one["Properties"]["MetricTransformations"][0]
        for one in built.resources("AWS::Logs::MetricFilter").values()
    }
    errors = counted['{ $.level = "ERROR" }']
    alarms = [one["Properties"] for one in built.resources("AWS::CloudWatch::Alarm").values()]
    assert errors["MetricName"] in {one.get("MetricName") for one in alarms}
    assert '{ $.message = "refused*" }' in counted


def test_reserved_concurrency_bounds_the_function(synthesis: Synthesis) -> None:
    (properties,) = functions_of(synthesis(all_options))
    assert properties["ReservedConcurrentExecutions"] == 20
    (properties,) = functions_of(synthesis(defaults))
    assert "ReservedConcurrentExecutions" not in properties


def test_the_table_is_kept_protected_and_recoverable(synthesis: Synthesis) -> None:
    (made,) = synthesis(defaults).resources("AWS::DynamoDB::GlobalTable").values()
    (replica,) = made["Properties"]["Replicas"]
    assert made["DeletionPolicy"] == "Retain"
    assert replica["DeletionProtectionEnabled"] is True
    assert made["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_a_customer_managed_key_encrypts_all_of_it(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    key = {"Fn::GetAtt": [next(iter(built.resources("AWS::KMS::Key"))), "Arn"]}
    queues = built.resources("AWS::SQS::Queue").values()
    assert [one["Properties"]["KmsMasterKeyId"] for one in queues] == [key] * 3


def test_a_function_is_given_to_one_pattern(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    charge = function(stack)
    IdempotentFunction(stack, "Payments", function=charge)
    with pytest.raises(InvalidOptionError, match="function is Shop/Charge, which Shop/Payments has already"):
        IdempotentFunction(stack, "Refunds", function=charge)


def test_a_function_with_settings_of_its_own_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    charge = function(stack)
    charge.configure_async_invoke(retry_attempts=1)
    with pytest.raises(InvalidOptionError, match="settings of asynchronous invocations already"):
        IdempotentFunction(stack, "Payments", function=charge)


def test_two_bounds_of_concurrency_are_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    charge = add_function(
        stack,
        "Charge",
        handler=CHARGE,
        description="Charges",
        invocation=Invocation.REQUEST,
        reserved_concurrency=5,
    )
    with pytest.raises(InvalidOptionError, match="reserved_concurrency was given for Shop/Charge, which has 5"):
        IdempotentFunction(stack, "Payments", function=charge, reserved_concurrency=10)


@pytest.mark.parametrize(
    ("runtime", "problem"),
    [(lambda_.Runtime.NODEJS_24_X, "which runs nodejs24.x"), (lambda_.Runtime.PYTHON_3_9, "which runs python3.9")],
    ids=["Node.js", "Python 3.9"],
)
def test_a_runtime_without_powertools_is_refused(cdk_app: App, runtime: lambda_.Runtime, problem: str) -> None:
    stack = Stack(cdk_app, "Shop")
    code = lambda_.Code.from_inline("nothing")
    other = lambda_.Function(stack, "Other", runtime=runtime, handler="index.handler", code=code)
    with pytest.raises(InvalidOptionError, match=problem):
        IdempotentFunction(stack, "Payments", function=other)


def test_an_alarm_about_the_log_needs_a_log_group() -> None:
    stack = Stack(App(), "Shop")  # without the flag by which the CDK makes one
    code = lambda_.Code.from_inline("nothing")
    plain = lambda_.Function(stack, "Plain", runtime=lambda_.Runtime.PYTHON_3_14, handler="index.handler", code=code)
    with pytest.raises(InvalidOptionError, match=r"function is Shop/Plain, which has no log group.* log_group="):
        IdempotentFunction(stack, "Payments", function=plain, alarm_topic=sns.Topic(stack, "Alarms"))


def test_a_table_with_another_key_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    other = dynamodb.TableV2(
        stack, "Other", partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
    )
    with pytest.raises(InvalidOptionError, match="table is Shop/Other: it has the partition key pk"):
        IdempotentFunction(stack, "Payments", function=function(stack), table=other)


def test_a_source_is_one_stream(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    payments = IdempotentFunction(stack, "Payments", function=function(stack))
    with pytest.raises(InvalidOptionError, match="stream is missing"):
        payments.add_stream_source("Orders")
    with pytest.raises(InvalidOptionError, match="was given together with stream"):
        payments.add_stream_source("Orders", stream=kinesis.Stream(stack, "Stream"), table=table(stack))


def test_a_timeout_longer_than_the_retries_is_pointed_out(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    slow = add_function(
        stack,
        "Slow",
        handler=CHARGE,
        description="Charges",
        invocation=Invocation.REQUEST,
        timeout=Duration.minutes(5),
    )
    payments = IdempotentFunction(stack, "Payments", function=slow)
    assert any("3 minutes" in str(entry.data) for entry in payments.node.metadata)


def test_metrics_are_those_of_the_function(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    payments = IdempotentFunction(stack, "Payments", function=function(stack))
    assert payments.metric_repeated().dimensions["service"] == "run_once"  # type: ignore[index]
    assert payments.metric_throttled().metric_name == "Throttles"
    assert payments.metric_dead_letters().metric_name == "ApproximateNumberOfMessagesVisible"
