"""Storage Index: what is in a bucket, to be asked by owner and by time."""

import json
from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.functions import Invocation, add_function, allow_on_prefixes, consume_queue
from cdp_constructs.core.object_events import (
    EVENTBRIDGE,
    OBJECT_CREATED,
    OBJECT_DELETED,
    let_rule_send,
    queue_object_events,
)
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, seconds
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue, metric_oldest_message
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_exclusive

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns

_WRITER_SECONDS = 30
# The longest that a function runs; two runs at a time would do the same work.
_RECONCILIATION_TIMEOUT = Duration.minutes(15)
_LONGEST_INTERVAL = Duration.days(7)
_INTERVALS = "a run may take 15 minutes, and drift should not stay longer than a week"
_GRACE_SECONDS = 15 * 60
_REPAIRS_THAT_ALARM = 10


class StorageIndex(Construct):
    """Keep a list of a bucket's objects in DynamoDB that can be asked by owner and by time.

    CDP: Storage Index / ストレージインデックス パターン.

    Problem: S3 lists keys in alphabetical order and nothing else; "the newest of this user" means reading every key.
    Solution: S3's events go through a queue to a function that records each object with its metadata in one item of a
    table. Events may come twice, late and in any order: an item carries the ``sequencer`` of the newest event, older
    ones are dropped, and a deleted object leaves an item for 16 days, which no late event can overtake. What events
    missed, a scheduled reconciliation finds in both directions and repairs.

    Not for: searching inside files, or small numbers of objects that one listing answers.

    The index follows S3 within a second or two, so a fresh object may be missing for a moment. Items have ``object``
    (``<bucket>/<key>``, the partition key), ``bucket``, ``key``, ``owner``, ``day`` (``2026-11-22``), ``modified_at``
    (``2026-11-22T17:00:00Z``), ``size``, ``etag``, ``content_type``, ``metadata`` and ``version_id``; deleted ones
    have ``deleted_at`` and ``expires_at`` instead. The owner is the first part of the key below ``prefix``. Query the
    indexes ``ByOwner`` (``owner``, ``modified_at``) and ``ByDay`` (``day``, ``modified_at``).

    Limits: an index partition takes 1,000 writes a second, so no more than that many objects a second in all
    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html).

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        bucket: A bucket of the same Region that sends its events to EventBridge, as the one of ``DirectObjectUpload``
            does; nothing on it is changed. Several indexes of one bucket are possible.
        prefix: Only objects whose key begins so, such as ``accepted/``; by default all. It ends with ``/``.
        table: A table to use, also for several indexes: partition key ``object``, the global secondary indexes
            ``ByOwner`` and ``ByDay`` as above (all of them strings, all attributes projected), time to live by
            ``expires_at``. By default one is made, on demand, with point-in-time recovery and deletion protection.
        reconcile_every: Time between reconciliations, 15 minutes to 7 days; a day by default. A run takes up to 15
            minutes, then the next one goes on from there.
        alarm_topic: Receives the alarms; by default there are none.
        removal_policy: What happens to the table that is made here when the stack goes; it is kept by default, and
            then also protected from deletion.

    Attributes:
        table: The index.
        bucket: The bucket.
        queue: Holds S3's events until they are recorded.
        dead_letter_queue: Keeps the events that failed.
        reconciliation_dead_letter_queue: Keeps the runs that failed.
        writer_function: Records events.
        reconciliation_function: Repairs drift.

    Raises:
        InvalidOptionError: for a prefix without ``/`` at its end, an interval out of range, an option for a new table
            beside a brought one, or a bucket of this app that sends no events to EventBridge.
    """

    owner_index = "ByOwner"
    day_index = "ByDay"

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket,
        prefix: str = "",
        table: dynamodb.ITable | None = None,
        reconcile_every: Duration | None = None,
        alarm_topic: "sns.ITopic | None" = None,
        removal_policy: RemovalPolicy | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        interval = reconcile_every or days(1)
        check_duration(
            self,
            "reconcile_every",
            interval,
            low=_RECONCILIATION_TIMEOUT,
            high=_LONGEST_INTERVAL,
            source=_INTERVALS,
        )
        check_exclusive(self, {"table": table}, {"removal_policy": removal_policy})
        if prefix and not prefix.endswith("/"):
            raise InvalidOptionError(self, "prefix", f"is {prefix!r}", f"Use {prefix + '/'!r}, a folder of the bucket")
        self.bucket = bucket
        self._prefix = prefix
        self.table: dynamodb.ITable = table or self._make_table(removal_policy or RemovalPolicy.RETAIN)

        self.dead_letter_queue = add_dead_letter_queue(
            self, "DeadLetterQueue", alarm_topic=alarm_topic, holds="events of objects that were not recorded"
        )
        self.queue = add_work_queue(
            self,
            "Queue",
            dead_letter_queue=self.dead_letter_queue,
            visibility_timeout=seconds(6 * _WRITER_SECONDS),
        )
        self.writer_function: lambda_.IFunction = self._make_writer()
        consume_queue(self, "Writer", self.writer_function, self.queue)
        queue_object_events(
            self,
            "ObjectEvents",
            bucket=bucket,
            prefix=prefix,
            detail_types=[OBJECT_CREATED, OBJECT_DELETED],
            queue=self.queue,
            dead_letter_queue=self.dead_letter_queue,
        )
        self.reconciliation_dead_letter_queue = add_dead_letter_queue(
            self, "ReconciliationDeadLetterQueue", alarm_topic=alarm_topic, holds="reconciliations that failed"
        )
        self.reconciliation_function: lambda_.IFunction = self._make_reconciliation(interval)
        add_alarm(
            self,
            "DriftAlarm",
            self.metric_repaired(),
            alarm_topic=alarm_topic,
            threshold=_REPAIRS_THAT_ALARM,
            description=f"{path_of(self)}: the reconciliation had to repair many items, so events were lost. Look at "
            "the bucket's EventBridge setting and at the dead-letter queue.",
        )

    def grant_query(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let somebody ask the index by owner, by day, and for single objects."""
        indexes = [f"{self.table.table_arn}/index/{name}" for name in (self.owner_index, self.day_index)]
        if self.table.encryption_key is not None:
            self.table.encryption_key.grant(grantee, "kms:Decrypt")
        grant = iam.Grant.add_to_principal(grantee=grantee, actions=["dynamodb:Query"], resource_arns=indexes)
        return grant.combine(
            iam.Grant.add_to_principal(
                grantee=grantee, actions=["dynamodb:GetItem"], resource_arns=[self.table.table_arn]
            )
        )

    def metric_repaired(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Items that reconciliations repaired, per 15 minutes by default."""
        from aws_cdk import aws_cloudwatch as cloudwatch

        return cloudwatch.Metric(
            namespace="CdpConstructs",
            metric_name="RepairedObjects",
            dimensions_map={"function_name": self.reconciliation_function.function_name},
            statistic="sum",
            period=period or _RECONCILIATION_TIMEOUT,
        )

    def metric_oldest_event(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Age in seconds of the oldest event that waits: how far the index is behind. Per minute by default."""
        return metric_oldest_message(self.queue, period=period)

    def _make_table(self, removal_policy: RemovalPolicy) -> dynamodb.TableV2:
        def text(name: str) -> dynamodb.Attribute:
            return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)

        return dynamodb.TableV2(
            self,
            "Table",
            partition_key=text("object"),
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=name, partition_key=text(key), sort_key=text("modified_at")
                )
                for name, key in ((self.owner_index, "owner"), (self.day_index, "day"))
            ],
            time_to_live_attribute="expires_at",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=removal_policy is not RemovalPolicy.DESTROY,
            removal_policy=removal_policy,
        )

    def _make_writer(self) -> "lambda_.Function":
        function = add_function(
            self,
            "WriterFunction",
            handler="data/storage_index",
            description="Records S3 events in the storage index",
            invocation=Invocation.POLLED,
            timeout=seconds(_WRITER_SECONDS),
            environment=self._environment(),
        )
        self._allow(function, ["dynamodb:PutItem"])
        return function

    def _make_reconciliation(self, interval: Duration) -> "lambda_.Function":
        function = add_function(
            self,
            "ReconciliationFunction",
            handler="data/storage_index",
            description="Compares the bucket with the storage index and repairs what differs",
            invocation=Invocation.EVENT,
            dead_letter_queue=self.reconciliation_dead_letter_queue,
            timeout=_RECONCILIATION_TIMEOUT,
            memory_size=1024,
            environment=self._environment(),
        )
        actions = ["BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Scan"]
        self._allow(function, [f"dynamodb:{action}" for action in actions])
        rule = events.CfnRule(
            self,
            "ReconciliationSchedule",
            description=f"Reconciles {path_of(self)}",
            schedule_expression=f"rate({interval.to_minutes():.0f} minutes)",
            targets=[
                events.CfnRule.TargetProperty(
                    id="Reconciliation",
                    arn=function.function_arn,
                    input=json.dumps({"grace_seconds": _GRACE_SECONDS}),
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                        arn=self.reconciliation_dead_letter_queue.queue_arn
                    ),
                )
            ],
        )
        let_rule_send(rule, self.reconciliation_dead_letter_queue)
        function.add_permission("Schedule", principal=EVENTBRIDGE, source_arn=rule.attr_arn)
        return function

    def _environment(self) -> dict[str, str]:
        return {"BUCKET": self.bucket.bucket_name, "PREFIX": self._prefix, "TABLE_NAME": self.table.table_name}

    def _allow(self, function: "lambda_.Function", table_actions: list[str]) -> None:
        objects = self.bucket.arn_for_objects(f"{self._prefix}*")
        statements = [
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[objects]),
            # For listing, and so that S3 answers "not found" instead of "denied" for an object that is gone.
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self.bucket.bucket_arn]),
            iam.PolicyStatement(actions=table_actions, resources=[self.table.table_arn]),
        ]
        allow_on_prefixes(
            function,
            "Index",
            statements,
            prefixes=[objects],
            reason="The index describes every object below the prefix; keys are not known before objects are made.",
        )
        if self.bucket.encryption_key is not None:
            self.bucket.encryption_key.grant(function, "kms:Decrypt")
        if self.table.encryption_key is not None:
            self.table.encryption_key.grant(function, "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")
