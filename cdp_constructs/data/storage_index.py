"""Storage Index: what is in a bucket, found by owner and by time."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.event_sources import consume_queue
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.object_events import OBJECT_CREATED, OBJECT_DELETED, queue_object_events
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minutes, seconds
from cdp_constructs.core.queues import (
    add_dead_letter_queue,
    add_work_queue,
    metric_dead_letters,
    metric_oldest_message,
)
from cdp_constructs.core.tables import key_of
from cdp_constructs.core.validation import check_duration, check_exclusive
from cdp_constructs.data._index_functions import (
    RECONCILIATION_TIMEOUT,
    WRITER_TIMEOUT,
    IndexFunctions,
    schedule_reconciliation,
)
from cdp_constructs.data._index_table import (
    DAY_INDEX,
    OWNER_INDEX,
    add_index_table,
    check_index_table,
    check_names,
)

_LONGEST_INTERVAL = Duration.days(7)
_INTERVALS = "a run may take 15 minutes, and drift should not stay longer than a week"
_REPAIRS_THAT_ALARM = 10


@checks_options
class StorageIndex(Construct):
    """Keeps a list of a bucket's objects in DynamoDB that answers queries by owner and by time.

    CDP: Storage Index / ストレージインデックス パターン. S3's events go through a queue to a function that records each
    object with its metadata in one item of a table, whatever order events come in; a scheduled reconciliation repairs
    what events missed. The index follows S3 within a second or two.

        index = StorageIndex(self, "PhotoIndex", bucket=photos, prefix="photos/")
        index.grant_read(gallery)
    """

    owner_index = OWNER_INDEX
    """Name of the global secondary index for queries by ``owner``, sorted by ``modified_at``."""
    day_index = DAY_INDEX
    """Name of the global secondary index for queries by ``day``, sorted by ``modified_at``."""

    bucket: s3.IBucket
    """The bucket; nothing on it is changed."""
    table: dynamodb.ITable
    """The index. The page of the pattern lists the attributes of its items."""
    queue: sqs.Queue
    """Holds S3's events until they are recorded."""
    dead_letter_queue: sqs.Queue
    """Keeps events that could not be recorded."""
    reconciliation_dead_letter_queue: sqs.Queue
    """Keeps reconciliations that failed."""
    writer_function: lambda_.Function
    """Records events."""
    reconciliation_function: lambda_.Function
    """Compares the bucket with the table and repairs differences."""
    encryption_key: kms.IKey | None
    """The given customer-managed key; None where keys of AWS encrypt."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket,
        prefix: str = "",
        owner_metadata: str | None = None,
        table: dynamodb.ITable | None = None,
        reconcile_every: Duration | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the index.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            bucket: A bucket of the same Region that sends its events to EventBridge, as the one of
                ``DirectObjectUpload`` does. Several indexes of one bucket are possible.
            prefix: Only objects whose key begins so, such as ``accepted/``; it ends with ``/``. Default: all objects.
            owner_metadata: Name of the user metadata whose value is an object's owner, without ``x-amz-meta-``, such as
                ``album``; objects without it are found by day only. Default: the first part of the key below
                ``prefix`` is the owner.
            table: An existing table, also for several indexes: partition key ``object``, the global secondary indexes
                ``ByOwner`` and ``ByDay`` (their keys are strings, all attributes are projected), time to live by
                ``expires_at``; ``global_table`` makes one of several Regions. Default: a new one, on demand, with
                point-in-time recovery and deletion protection.
            reconcile_every: Time between reconciliations, 15 minutes to 7 days. A run takes up to 15 minutes, then the
                next one continues from there. Default: 1 day.
            encryption_key: A customer-managed key for what is made here: table, queues and logs. Default: keys of AWS.
            alarm_topic: Receives the alarms. Default: no alarms.
            log_retention: How long the functions' logs are kept. Default: 3 months.
            removal_policy: What happens to table and logs when the stack is deleted. Default: kept, and the table is
                protected from deletion.

        Raises:
            InvalidOptionError: for a prefix without ``/`` at its end, an impossible name of metadata, an interval out
                of range, ``removal_policy`` for an existing table, a bucket of this app that sends no events to
                EventBridge, or a resource of another Region.
        """
        super().__init__(scope, construct_id)
        interval = reconcile_every or days(1)
        low, high = RECONCILIATION_TIMEOUT, _LONGEST_INTERVAL
        check_duration(self, "reconcile_every", interval, low=low, high=high, source=_INTERVALS)
        check_exclusive(self, {"table": table}, {"removal_policy": removal_policy})
        check_names(self, prefix=prefix, owner_metadata=owner_metadata)
        self.bucket = bucket
        self.encryption_key = encryption_key
        if table is not None:
            check_index_table(self, table)
        self.table = table or add_index_table(
            self, "Table", encryption_key=encryption_key, removal_policy=removal_policy
        )
        self._table_key = key_of(self.table, encryption_key if table is None else None)
        self.dead_letter_queue = add_dead_letter_queue(
            self,
            "DeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="events of objects that were not recorded",
            encryption_key=encryption_key,
        )
        self.queue = add_work_queue(
            self,
            "Queue",
            dead_letter_queue=self.dead_letter_queue,
            visibility_timeout=seconds(6 * WRITER_TIMEOUT.to_seconds()),
            encryption_key=encryption_key,
        )
        functions = IndexFunctions(
            self,
            bucket=bucket,
            prefix=prefix,
            owner_metadata=owner_metadata,
            table=self.table,
            table_key=self._table_key,
            encryption_key=encryption_key,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        self.writer_function = functions.add_writer()
        consume_queue(self, "Writer", self.writer_function, self.queue)
        queue_object_events(
            self,
            "ObjectEvents",
            bucket=bucket,
            prefix=prefix,
            detail_types=[OBJECT_CREATED, OBJECT_DELETED],
            queue=self.queue,
            dead_letter_queue=self.dead_letter_queue,
            encryption_key=encryption_key,
        )
        self.reconciliation_dead_letter_queue = add_dead_letter_queue(
            self,
            "ReconciliationDeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="reconciliations that failed",
            encryption_key=encryption_key,
        )
        self.reconciliation_function = functions.add_reconciliation(self.reconciliation_dead_letter_queue)
        schedule_reconciliation(
            self,
            self.reconciliation_function,
            interval,
            self.reconciliation_dead_letter_queue,
            encryption_key=encryption_key,
        )
        add_alarm(
            self,
            "DriftAlarm",
            self.metric_repaired(),
            alarm_topic=alarm_topic,
            threshold=_REPAIRS_THAT_ALARM,
            description=f"{path_of(self)}: the reconciliation had to repair many items, so events were lost. Look at "
            "the bucket's EventBridge setting and at the dead-letter queue.",
        )

    @staticmethod
    def global_table(
        scope: Construct,
        construct_id: str,
        *,
        replica_regions: Sequence[str],
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> dynamodb.TableV2:
        """Make a table for the option ``table`` of indexes in several Regions: each then answers for all buckets.

        Args:
            scope: A stack of the first Region.
            construct_id: Id inside ``scope``.
            replica_regions: The other Regions; their indexes take the replica, by ``TableV2.from_table_arn``.
            removal_policy: As of the class, for this table.
        """
        table = add_index_table(
            scope, construct_id, encryption_key=None, removal_policy=removal_policy, replica_regions=replica_regions
        )
        resource: dynamodb.CfnGlobalTable = table.node.default_child  # type: ignore[assignment]  # its only L1
        # As with replicas: the stream cannot be changed in the update that adds the first one or removes the last.
        resource.stream_specification = dynamodb.CfnGlobalTable.StreamSpecificationProperty(
            stream_view_type=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES.value
        )
        return table

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this index; none without ``alarm_topic``."""
        return alarms_of(self)

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal query the index by owner and by day, and get single objects."""
        indexes = [f"{self.table.table_arn}/index/{name}" for name in (self.owner_index, self.day_index)]
        if self._table_key is not None:
            self._table_key.grant(grantee, "kms:Decrypt")
        grant = iam.Grant.add_to_principal(grantee=grantee, actions=["dynamodb:Query"], resource_arns=indexes)
        return grant.combine(
            iam.Grant.add_to_principal(
                grantee=grantee, actions=["dynamodb:GetItem"], resource_arns=[self.table.table_arn]
            )
        )

    def metric_lag(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Age in seconds of the oldest event that waits: how far the index is behind. Per minute by default."""
        return metric_oldest_message(self.queue, period=period)

    def metric_repaired(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Items that reconciliations repaired, per 15 minutes by default."""
        return function_metric(self.reconciliation_function, "RepairedObjects", period=period or minutes(15))

    def metric_dead_letters(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Events that wait in ``dead_letter_queue``, per minute by default."""
        return metric_dead_letters(self.dead_letter_queue, period=period)

    def metric_reconciliation_dead_letters(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Failed runs that wait in ``reconciliation_dead_letter_queue``, per minute by default."""
        return metric_dead_letters(self.reconciliation_dead_letter_queue, period=period)
