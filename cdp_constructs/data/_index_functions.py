"""The two functions of the storage index: what they know, what they may do, and when the reconciliation runs."""

import json
from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.core.cdk import dynamodb, kms, lambda_, s3, sqs
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.keys import USE_TABLE_KEY
from cdp_constructs.core.object_events import EVENTBRIDGE, let_rule_send
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.permissions import allow_on_prefixes

WRITER_TIMEOUT = Duration.seconds(30)
# The longest that a function runs; two runs at a time would do the same work.
RECONCILIATION_TIMEOUT = Duration.minutes(15)
_GRACE_SECONDS = 15 * 60
_WRITES = ("dynamodb:PutItem",)
_REPAIRS = tuple(f"dynamodb:{action}" for action in ("BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Scan"))


class IndexFunctions:
    """Makes the functions of one index, which share their code, environment and permissions on the bucket."""

    def __init__(
        self,
        scope: "Construct",
        *,
        bucket: "s3.IBucket",
        prefix: str,
        owner_metadata: str | None,
        table: "dynamodb.ITable",
        table_key: "kms.IKey | None",
        encryption_key: "kms.IKey | None",
        log_retention: logs.RetentionDays,
        removal_policy: RemovalPolicy,
    ) -> None:
        """Keep what both functions need.

        Args:
            scope: The index.
            bucket: What is indexed.
            prefix: Below which it is indexed.
            owner_metadata: Names the owner of an object; None for the first part of the key.
            table: The index.
            table_key: What the table is encrypted with.
            encryption_key: What logs are encrypted with.
            log_retention: How long logs are kept.
            removal_policy: What happens to the log groups when the stack is deleted.
        """
        self._scope = scope
        self._bucket = bucket
        self._prefix = prefix
        self._owner_metadata = owner_metadata
        self._table = table
        self._table_key = table_key
        self._encryption_key = encryption_key
        self._log_retention = log_retention
        self._removal_policy = removal_policy

    def add_writer(self) -> "lambda_.Function":
        """Add the function that records events."""
        function = add_function(
            self._scope,
            "WriterFunction",
            handler="data/storage_index",
            description="Records S3 events in the storage index",
            invocation=Invocation.EVENT_SOURCE,
            timeout=WRITER_TIMEOUT,
            environment=self._environment(),
            log_retention=self._log_retention,
            log_encryption_key=self._encryption_key,
            removal_policy=self._removal_policy,
        )
        self._allow(function, _WRITES)
        return function

    def add_reconciliation(self, dead_letter_queue: "sqs.IQueue") -> "lambda_.Function":
        """Add the function that repairs differences; failed runs go to the dead-letter queue."""
        function = add_function(
            self._scope,
            "ReconciliationFunction",
            handler="data/index_reconciliation",
            shares=["storage_index"],
            description="Compares the bucket with the storage index and repairs what differs",
            invocation=Invocation.EVENT,
            publishes_metrics=True,
            dead_letter_queue=dead_letter_queue,
            timeout=RECONCILIATION_TIMEOUT,
            memory_size=1024,
            environment=self._environment(),
            log_retention=self._log_retention,
            log_encryption_key=self._encryption_key,
            removal_policy=self._removal_policy,
        )
        self._allow(function, _REPAIRS)
        return function

    def _environment(self) -> dict[str, str]:
        return {
            "BUCKET": self._bucket.bucket_name,
            "PREFIX": self._prefix,
            "TABLE_NAME": self._table.table_name,
            **({} if self._owner_metadata is None else {"OWNER_METADATA": self._owner_metadata}),
        }

    def _allow(self, function: "lambda_.Function", table_actions: "Sequence[str]") -> None:
        objects = self._bucket.arn_for_objects(f"{self._prefix}*")
        statements = [
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[objects]),
            # For listing, and so that S3 answers "not found" instead of "denied" for an object that is gone.
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self._bucket.bucket_arn]),
            iam.PolicyStatement(actions=list(table_actions), resources=[self._table.table_arn]),
        ]
        allow_on_prefixes(
            function,
            "Index",
            statements,
            prefixes=[objects],
            reason="The index describes every object below the prefix; keys are not known before objects are made.",
        )
        if self._bucket.encryption_key is not None:
            self._bucket.encryption_key.grant(function, "kms:Decrypt")
        if self._table_key is not None:
            self._table_key.grant(function, *USE_TABLE_KEY)


def schedule_reconciliation(
    scope: "Construct",
    function: "lambda_.Function",
    interval: Duration,
    dead_letter_queue: "sqs.Queue",
    *,
    encryption_key: "kms.IKey | None",
) -> None:
    """Let EventBridge start reconciliations; calls that fail go to the dead-letter queue."""
    rule = events.CfnRule(
        scope,
        "ReconciliationSchedule",
        description=f"Reconciles {path_of(scope)}",
        schedule_expression=f"rate({interval.to_minutes():.0f} minutes)",
        targets=[
            events.CfnRule.TargetProperty(
                id="Reconciliation",
                arn=function.function_arn,
                input=json.dumps({"grace_seconds": _GRACE_SECONDS}),
                dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=dead_letter_queue.queue_arn),
            )
        ],
    )
    let_rule_send(rule, dead_letter_queue, encryption_key=encryption_key)
    function.add_permission("Schedule", principal=EVENTBRIDGE, source_arn=rule.attr_arn)
