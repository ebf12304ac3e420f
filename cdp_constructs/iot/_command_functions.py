"""The functions of PointToPoint: one sends commands, the other records how they ended."""

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.cdk import dynamodb, lambda_, sqs
from cdp_constructs.core.event_sources import consume_queue
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.permissions import allow_on_prefixes
from cdp_constructs.iot._common import CommonOptions, allow_items


def add_outcome_function(
    scope: "Construct", table: "dynamodb.ITable", queue: "sqs.IQueue", common: CommonOptions
) -> "lambda_.Function":
    """Add the function that ends sessions, as the messages of the queue say."""
    function = add_function(
        scope,
        "OutcomeFunction",
        handler="iot/outcomes",
        description="Records the responses of devices to commands",
        invocation=Invocation.EVENT_SOURCE,
        publishes_metrics=True,
        correlates=True,
        environment={"SESSIONS": table.table_name},
        log_retention=common.log_retention,
        log_encryption_key=common.encryption_key,
        removal_policy=common.removal_policy,
    )
    allow_items(table, function, "dynamodb:UpdateItem", encryption_key=common.table_key)
    consume_queue(scope, "Outcomes", function, queue)
    return function


def add_command_function(
    scope: "Construct",
    table: "dynamodb.ITable",
    queue: "sqs.IQueue",
    common: CommonOptions,
    *,
    fleet: "cdp_constructs.DeviceFleet",
    timeout: "Duration",
) -> "lambda_.Function":
    """Add the function that begins sessions, publishes commands and sets desired states."""
    function = add_function(
        scope,
        "CommandFunction",
        handler="iot/commands",
        description="Sends commands to single devices",
        invocation=Invocation.REQUEST,
        correlates=True,
        environment={
            "ALLOW_LIST": fleet.table.table_name,
            "APP": fleet.topics.app,
            "OUTCOMES": queue.queue_url,
            "SESSIONS": table.table_name,
            "TIMEOUT_SECONDS": str(timeout.to_seconds()),
        },
        log_retention=common.log_retention,
        log_encryption_key=common.encryption_key,
        removal_policy=common.removal_policy,
    )
    allow_items(table, function, "dynamodb:PutItem", "dynamodb:GetItem", encryption_key=common.table_key)
    fleet.grant_lookup(function)
    queue.grant(function, "sqs:SendMessage")
    if common.encryption_key is not None:
        common.encryption_key.grant(function, *USE_KEY)
    stack = stack_of(scope)
    topics = [
        stack.format_arn(service="iot", resource="topic", resource_name=f"cmd/{fleet.topics.app}/{context}/*/req")
        for context in fleet.contexts
    ]
    things = stack.format_arn(service="iot", resource="thing", resource_name="*")
    allow_on_prefixes(
        function,
        "Devices",
        [
            iam.PolicyStatement(actions=["iot:Publish"], resources=topics),
            iam.PolicyStatement(actions=["iot:GetThingShadow", "iot:UpdateThingShadow"], resources=[things]),
        ],
        prefixes=[*topics, things],
        reason="Devices come and go; the function commands only those on the allow-list, on their command topics.",
    )
    return function
