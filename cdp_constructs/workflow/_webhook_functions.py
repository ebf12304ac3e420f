"""The two functions of WebhookAutomation: one answers the sender, one replays what was kept."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam

import cdp_constructs
from cdp_constructs.core.cdk import lambda_, logs
from cdp_constructs.core.existing_secrets import let_read
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.keys import USE_KEY, USE_TABLE_KEY
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.permissions import allow_on_objects
from cdp_constructs.workflow._webhook_source import WebhookSource


def add_receiver(
    webhook: "cdp_constructs.WebhookAutomation",
    source: "WebhookSource",
    *,
    remembered: "Duration",
    log_retention: "logs.RetentionDays",
    removal_policy: "RemovalPolicy",
) -> "lambda_.Function":
    """Add the function that verifies deliveries, keeps them, and queues each once."""
    function = add_function(
        webhook,
        "ReceiverFunction",
        handler="workflow/receiver",
        description="Verifies webhooks, keeps them, and queues each once",
        invocation=Invocation.REQUEST,
        publishes_metrics=True,
        correlates=True,
        memory_size=512,
        environment={
            "BUCKET": webhook.bucket.bucket_name,
            "ACCEPTED_PREFIX": webhook.accepted_prefix,
            "REJECTED_PREFIX": webhook.rejected_prefix,
            "QUEUE_URL": webhook.queue.queue_url,
            "SECRET": webhook.secret.secret_arn,
            "TABLE": webhook.table.table_name,
            "REMEMBERED_SECONDS": str(remembered.to_seconds()),
            "SCHEME": source.scheme,
            "SIGNATURE_HEADER": source.signature_header,
            "SIGNATURE_PREFIX": source.signature_prefix,
            "SIGNATURE_ENCODING": source.encoding,
            "TIMESTAMP_HEADER": source.timestamp_header or "",
            "DELIVERY_HEADER": source.delivery_header or "",
            "DELIVERY_POINTER": source.delivery_pointer or "",
            "GROUP_BY": source.group_by or "",
            "EQUAL_BODIES_ARE_REPLAYS": str(source.equal_bodies_are_replays).lower(),
        },
        log_retention=log_retention,
        log_encryption_key=webhook.encryption_key,
        removal_policy=removal_policy,
    )
    let_read(webhook.secret, function)
    _allow_queueing(webhook, function)
    put = ["s3:PutObject"]
    _allow_objects(webhook, function, {webhook.accepted_prefix: put, webhook.rejected_prefix: put})
    actions = [f"dynamodb:{name}" for name in ("DeleteItem", "GetItem", "PutItem", "UpdateItem")]
    function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[webhook.table.table_arn]))
    if webhook.encryption_key is not None:
        webhook.encryption_key.grant(function, *USE_TABLE_KEY)
    return function


def add_replay(
    webhook: "cdp_constructs.WebhookAutomation", *, log_retention: "logs.RetentionDays", removal_policy: "RemovalPolicy"
) -> "lambda_.Function":
    """Add the function that puts kept deliveries into the queue again."""
    function = add_function(
        webhook,
        "ReplayFunction",
        handler="workflow/replay",
        description="Puts kept webhooks into the queue again; an operator calls it",
        invocation=Invocation.REQUEST,
        correlates=True,
        timeout=minutes(5),
        environment={
            "BUCKET": webhook.bucket.bucket_name,
            "ACCEPTED_PREFIX": webhook.accepted_prefix,
            "QUEUE_URL": webhook.queue.queue_url,
        },
        log_retention=log_retention,
        log_encryption_key=webhook.encryption_key,
        removal_policy=removal_policy,
    )
    _allow_queueing(webhook, function)
    listing = iam.PolicyStatement(
        actions=["s3:ListBucket"],
        resources=[webhook.bucket.bucket_arn],
        conditions={"StringLike": {"s3:prefix": f"{webhook.accepted_prefix}*"}},
    )
    _allow_objects(webhook, function, {webhook.accepted_prefix: ["s3:GetObject"]}, listing)
    return function


def _allow_queueing(webhook: "cdp_constructs.WebhookAutomation", function: "lambda_.Function") -> None:
    # Not grant_send_messages(): with a key it would also grant kms:GenerateDataKey*, of which SQS needs one action.
    statement = iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[webhook.queue.queue_arn])
    function.add_to_role_policy(statement)
    if webhook.encryption_key is not None:
        webhook.encryption_key.grant(function, *USE_KEY)


def _allow_objects(
    webhook: "cdp_constructs.WebhookAutomation",
    function: "lambda_.Function",
    actions: dict[str, list[str]],
    *others: iam.PolicyStatement,
) -> None:
    allow_on_objects(
        function,
        "RawInputs",
        webhook.bucket,
        actions,
        *others,
        reason="The names of raw inputs are made of times and delivery ids; the prefix bounds what is reached.",
    )
