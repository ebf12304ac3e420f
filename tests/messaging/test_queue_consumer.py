"""What QueueConsumer accepts, what it derives, and what it connects."""

from typing import Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Template

from cdp_constructs import InvalidOptionError, QueueConsumer


@pytest.fixture
def stack(cdk_app: App) -> Stack:
    return Stack(cdk_app, "Consumers")


def function(stack: Stack, timeout: Duration | None = None) -> lambda_.Function:
    return lambda_.Function(
        stack,
        "Worker",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
        timeout=timeout,
    )


@pytest.mark.parametrize(
    ("timeout", "options", "seconds"),
    [
        (None, {}, 18),  # six times Lambda's default of 3 seconds
        (Duration.seconds(20), {}, 120),
        (Duration.seconds(20), {"batching_window": Duration.seconds(5)}, 125),
        (Duration.seconds(20), {"visibility_timeout": Duration.minutes(10)}, 600),
    ],
)
def test_a_message_stays_hidden_until_the_function_has_ended(
    stack: Stack, timeout: Duration | None, options: dict[str, Any], seconds: int
) -> None:
    consumer = QueueConsumer(function(stack, timeout), **options)
    assert consumer.queue_visibility_timeout().to_seconds() == seconds


def test_an_alias_has_the_timeout_of_its_function(stack: Stack) -> None:
    worker = function(stack, Duration.seconds(20))
    alias = lambda_.Alias(stack, "Alias", alias_name="live", version=worker.current_version)
    for qualified in (worker.current_version, alias):
        assert QueueConsumer(qualified).queue_visibility_timeout().to_seconds() == 120


def test_without_a_function_the_queue_has_the_visibility_of_sqs() -> None:
    assert QueueConsumer().queue_visibility_timeout().to_seconds() == 30
    assert QueueConsumer(visibility_timeout=Duration.minutes(2)).queue_visibility_timeout().to_seconds() == 120


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_receive_count": 1001}, r"QueueConsumer: max_receive_count is 1,001 deliveries\. Use 1 to 1,000"),
        ({"batch_size": 5}, r"batch_size was given without a function"),
        ({"max_concurrency": 2}, r"max_concurrency was given without a function"),
        ({"batching_window": Duration.seconds(1)}, r"batching_window was given without a function"),
        ({"visibility_timeout": Duration.hours(13)}, r"visibility_timeout is 13 hours"),
    ],
)
def test_what_a_polling_program_decides_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        QueueConsumer(**options)


def test_a_consumer_is_connected_once_and_bounded(stack: Stack) -> None:
    queue = sqs.Queue(stack, "Queue")
    mapping = QueueConsumer(function(stack), batch_size=3, max_concurrency=4).bind(stack, queue)
    assert mapping is not None
    Template.from_stack(stack).has_resource_properties(
        "AWS::Lambda::EventSourceMapping",
        {
            "BatchSize": 3,
            "ScalingConfig": {"MaximumConcurrency": 4},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        },
    )


def test_without_a_function_nothing_is_connected(stack: Stack) -> None:
    assert QueueConsumer().bind(stack, sqs.Queue(stack, "Queue")) is None
    Template.from_stack(stack).resource_count_is("AWS::Lambda::EventSourceMapping", 0)
