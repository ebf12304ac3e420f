"""The function of the speed layer: what it knows, and what it may do."""

import json
from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.core.cdk import dynamodb, kms, sns, sqs
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.keys import USE_KEY, USE_TABLE_KEY
from cdp_constructs.core.tables import leading_keys
from cdp_constructs.data._windows import describe, window_variables

THINGS = leading_keys("THING")
"""Binds a statement to the items of things."""
_TIMEOUT = Duration.seconds(60)


def add_stream_function(
    scope: "Construct",
    *,
    table: "dynamodb.ITable",
    table_key: "kms.IKey | None",
    topic: "sns.ITopic",
    topic_key: "kms.IKey | None",
    record_dead_letter_queue: "sqs.IQueue",
    dead_letter_queue: "sqs.IQueue",
    encryption_key: "kms.IKey | None",
    measures: "Sequence[str]",
    window_length: Duration,
    window_retention: Duration | None,
    log_retention: logs.RetentionDays,
    removal_policy: RemovalPolicy,
) -> lambda_.Function:
    """Add the function with the permissions that its work needs.

    Args:
        scope: The speed layer.
        table: Holds the items of things.
        table_key: What the table is encrypted with.
        topic: Receives alerts.
        topic_key: What the topic is encrypted with.
        record_dead_letter_queue: Receives records from the function.
        dead_letter_queue: Receives batches from Lambda, which sends them with the function's role.
        encryption_key: What queues and logs are encrypted with.
        measures: Fields that go into windows.
        window_length: How long a window is.
        window_retention: How long windows are kept; None for a layer without windows.
        log_retention: How long logs are kept.
        removal_policy: What happens to the log group when the stack is deleted.
    """
    function = add_function(
        scope,
        "Function",
        handler="data/speed_layer",
        shares=["gathered_records"],
        description=f"Keeps the latest state and {describe(window_length)} of things"
        if window_retention is not None
        else "Keeps the latest state of things",
        invocation=Invocation.EVENT_SOURCE,
        publishes_metrics=True,
        correlates=True,
        memory_size=512,
        timeout=_TIMEOUT,
        environment={
            "TABLE_NAME": table.table_name,
            "TOPIC_ARN": topic.topic_arn,
            "RECORD_DEAD_LETTER_QUEUE_URL": record_dead_letter_queue.queue_url,
            "MEASURES": json.dumps(measures),
            "THRESHOLDS": "[]",
            **({"WINDOW_RETENTION_S": str(window_retention.to_seconds())} if window_retention is not None else {}),
            **window_variables("WINDOW_S", window_length),
        },
        log_retention=log_retention,
        log_encryption_key=encryption_key,
        removal_policy=removal_policy,
    )
    for statement in (
        iam.PolicyStatement(
            actions=["dynamodb:BatchGetItem", "dynamodb:PutItem"], resources=[table.table_arn], conditions=THINGS
        ),
        iam.PolicyStatement(actions=["sns:Publish"], resources=[topic.topic_arn]),
        iam.PolicyStatement(
            actions=["sqs:SendMessage"], resources=[record_dead_letter_queue.queue_arn, dead_letter_queue.queue_arn]
        ),
    ):
        function.add_to_role_policy(statement)
    if table_key is not None:
        table_key.grant(function, *USE_TABLE_KEY)
    for key in (topic_key, encryption_key):
        if key is not None:
            key.grant(function, *USE_KEY)
    return function
