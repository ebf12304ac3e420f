"""Speed Layer: what things measure, known within seconds."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.keys import add_key
from cdp_constructs.core.layers import share_module
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute
from cdp_constructs.core.queues import add_dead_letter_queue, metric_dead_letters
from cdp_constructs.core.tables import add_item_table, check_table, key_of
from cdp_constructs.core.validation import check_exclusive, check_range, check_standard
from cdp_constructs.data._records import check_names
from cdp_constructs.data._rejections import add_rejection_alarm
from cdp_constructs.data._stream import add_stream, add_stream_alarms, read_stream
from cdp_constructs.data._stream_function import THINGS, add_stream_function
from cdp_constructs.data._table_capacity import TableCapacity, billing_of
from cdp_constructs.data._thresholds import Threshold, Thresholds
from cdp_constructs.data._windows import check_windows, window_variables
from cdp_constructs.iot.topics import BY_THING

__all__ = ["SpeedLayer", "TableCapacity", "Threshold"]

_SENDERS = "a fleet whose program is wrong has more"
_KINESIS_QUOTAS = "https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"


@checks_options
class SpeedLayer(Construct):
    """Keeps the latest state and windows of each thing, seconds after its records arrive.

    CDP: none; this is the speed layer (スピードレイヤー) of a lambda architecture, beside ``BatchLayer``. A
    Kinesis stream keeps the order of each thing, a function folds its records into a DynamoDB table, and a topic is
    notified once when a threshold is crossed and once when the value recovers. Duplicates and late records change
    nothing that they should not.

        speed = SpeedLayer(self, "Speed", measures=["temperature", "humidity"])
        speed.add_threshold("TooHot", measure="temperature", above=30, recovers_at=28)
        alerts = SnsSqsFanout(self, "Alerts", topic=speed.topic)
        speed.grant_put(gateway)
    """

    stream: kinesis.IStream
    """Receives the records; put them with the thing as partition key."""
    table: dynamodb.ITable
    """Holds the latest state and the windows; read it with ``share_with`` and the module ``telemetry_view``."""
    topic: sns.ITopic
    """Receives alerts as JSON; see ``add_threshold``."""
    function: lambda_.Function
    """Works on the records."""
    record_dead_letter_queue: sqs.Queue
    """Keeps records that could not be read or recorded, with the reason."""
    dead_letter_queue: sqs.Queue
    """Keeps the places in the stream of batches that Lambda gave up."""
    encryption_key: kms.IKey | None
    """The customer-managed key: the given one, or the one that is made for the topic. None with an existing topic."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        measures: Sequence[str],
        stream: kinesis.IStream | None = None,
        table: dynamodb.ITable | None = None,
        topic: sns.ITopic | None = None,
        windows: bool = True,
        window_length: Duration | None = None,
        window_retention: Duration | None = None,
        shards: int | None = None,
        table_capacity: TableCapacity | None = None,
        alarming_senders: int = 3,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the layer.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            measures: Fields of records that are numbers and go into windows, in lower case. Thresholds watch them.
            stream: An existing stream, read from its beginning. Default: a new one, on demand, encrypted with the key
                of AWS for Kinesis, whose records are kept for 7 days.
            table: An existing table with the partition key ``pk`` and the sort key ``sk`` (strings) and time to live by
                ``expires_at``. Default: a new one, on demand, with point-in-time recovery and deletion protection.
            topic: An existing standard topic. Default: a new one that takes TLS only.
            windows: Whether windows are kept beside the latest state. False saves a write and a read of the table for
                each thing and window; windows are then read from ``BatchLayer``, after it has loaded them. Records that
                are sent twice still change nothing, but are not counted. Default: True.
            window_length: How long a window is: 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60 minutes, so that windows
                begin with each hour. A longer one saves writes where several measurements of a thing come at once; it
                keeps 12 bytes of each message, so that one that is sent twice counts once. Default: 1 minute.
            window_retention: How long windows are kept, and so how late a record may be: 1 hour to 30 days, and at
                least twice ``window_length``. A later record still counts for the latest state. Default: 2 days.
            shards: How many shards the new stream has, 1 to 20,000. Each takes 1,000 records and 1 MB a second and
                costs $11 a month (us-east-1); the stream refuses what is more. Default: on demand, which scales, and
                counts 1 KB for every smaller record.
            table_capacity: Provisioned capacity of the new table, with auto scaling. Default: on demand.
            alarming_senders: From how many senders (partition keys) with rejected records within 5 minutes the alarm is
                raised, 1 to 10,000. Default: 3, so that one device that sends nonsense notifies nobody.
            encryption_key: A customer-managed key for what is made here: stream, table, topic, queues and logs.
                Default: a new key for the topic; the others are encrypted with keys of AWS.
            alarm_topic: Receives the alarms. Default: no alarms.
            log_retention: How long the function's logs are kept. Default: 3 months.
            removal_policy: What happens to stream, table, key and logs when the stack is deleted. Default: kept, and
                the table is protected from deletion.

        Raises:
            InvalidOptionError: for measures that cannot be, a duration out of range, one of windows without windows,
                ``removal_policy``, ``shards`` or ``table_capacity`` for existing resources, or a resource of
                another Region.
        """
        super().__init__(scope, construct_id)
        check_standard(self, "topic", topic)
        measures = check_names(self, "measures", measures)
        if stream is not None and table is not None:
            check_exclusive(self, {"stream": stream}, {"removal_policy": removal_policy})
        check_exclusive(self, {"stream": stream}, {"shards": shards})
        check_exclusive(self, {"table": table}, {"table_capacity": table_capacity})
        if shards is not None:
            check_range(self, "shards", shards, low=1, high=20_000, unit="shards", source=_KINESIS_QUOTAS)
        length, retention = check_windows(
            self, windows=windows, window_length=window_length, window_retention=window_retention
        )
        check_range(
            self,
            "alarming_senders",
            alarming_senders,
            low=1,
            high=10_000,
            unit="senders",
            source=_SENDERS,
            tokens=True,
        )
        if encryption_key is None and topic is None:
            description = f"Encrypts the alerts of {path_of(self)}"
            self.encryption_key = add_key(self, "EncryptionKey", description=description, removal_policy=removal_policy)
        else:
            self.encryption_key = encryption_key
        self.stream = stream or add_stream(
            self, shards=shards, encryption_key=encryption_key, removal_policy=removal_policy
        )
        if table is not None:
            check_table(self, table, partition_key="pk", sort_key="sk")
        self.table = table or add_item_table(
            self,
            "Table",
            encryption_key=encryption_key,
            billing=billing_of(table_capacity) if table_capacity is not None else None,
            removal_policy=removal_policy,
        )
        self._table_key = key_of(self.table, encryption_key if table is None else None)
        self.topic = topic or sns.Topic(self, "AlertTopic", master_key=self.encryption_key, enforce_ssl=True)
        self.record_dead_letter_queue = add_dead_letter_queue(
            self,
            "ErrorQueue",
            # Any one device can fill it; how many devices do is what the alarm is for, below.
            alarm_topic=None,
            holds="records that could not be read or recorded",
            encryption_key=encryption_key,
        )
        self.dead_letter_queue = add_dead_letter_queue(
            self,
            "DeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="places in the stream that the function failed on",
            encryption_key=encryption_key,
        )
        self._windows = windows
        self._window_length = length
        self._thresholds = Thresholds(self, measures)
        self.function = add_stream_function(
            self,
            table=self.table,
            table_key=self._table_key,
            topic=self.topic,
            topic_key=topic.master_key if topic is not None else self.encryption_key,
            record_dead_letter_queue=self.record_dead_letter_queue,
            dead_letter_queue=self.dead_letter_queue,
            encryption_key=encryption_key,
            measures=measures,
            window_length=length,
            window_retention=retention if windows else None,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        read_stream(self, self.function, self.stream, self.dead_letter_queue)
        add_rejection_alarm(self, self.function, senders=alarming_senders, alarm_topic=alarm_topic)
        add_stream_alarms(self, self.stream, self.metric_lag(), alarm_topic)

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this layer; none without ``alarm_topic``."""
        return alarms_of(self)

    def add_rule(
        self, rule: "cdp_constructs.TopicRule", *, partition_key: str = BY_THING
    ) -> "cdp_constructs.TopicRule":
        """Let an IoT rule put its messages into the stream; return the rule.

        Args:
            rule: Selects what a record is: ``SELECT *, topic(4) AS thing, topic(3) AS context, topic(5) AS type``.
            partition_key: What keeps its order, as a substitution template. Default: the thing.
        """
        rule.add_stream(self.stream, partition_key=partition_key)
        return rule

    def add_threshold(
        self,
        name: str,
        *,
        measure: str,
        above: float | None = None,
        below: float | None = None,
        recovers_at: float | None = None,
    ) -> Threshold:
        """Publish to ``topic`` once when a thing's measure crosses a limit, and once when it recovers.

        The message is JSON with ``alert_id`` (the same when it is published again), ``threshold``, ``state``
        (``crossed`` or ``recovered``), ``thing``, ``context``, ``type``, ``measure``, ``value``, ``limit`` and ``at``;
        ``threshold``, ``state``, ``thing`` and ``context`` are message attributes too. Late records raise no alerts.

        Args:
            name: Such as ``TooHot``; unique in this layer. A threshold under another name starts as not crossed.
            measure: One of the layer's ``measures``.
            above: The limit that values must not exceed; or
            below: the limit that values must not fall below.
            recovers_at: Where a value counts as recovered. Leave some distance, so that a value that swings around
                the limit does not alert with each swing. Default: at the limit.

        Raises:
            InvalidOptionError: for a name that is taken, an unknown measure, none or both limits, a recovery beyond
                the limit, or more thresholds than the function's variables take (about 25).
        """
        threshold = self._thresholds.add(name, measure=measure, above=above, below=below, recovers_at=recovers_at)
        self.function.add_environment("THRESHOLDS", self._thresholds.written())
        return threshold

    def grant_put(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a producer put records: ``PutRecord`` with the thing as partition key, which keeps its order."""
        if self.stream.encryption_key is not None:
            self.stream.encryption_key.grant(grantee, "kms:GenerateDataKey")
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["kinesis:PutRecord", "kinesis:PutRecords"],
            resource_arns=[self.stream.stream_arn],
        )

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal read the latest state and the windows of things."""
        if self._table_key is not None:
            self._table_key.grant(grantee, "kms:Decrypt")
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["dynamodb:GetItem", "dynamodb:Query"],
            resource_arns=[self.table.table_arn],
            conditions=THINGS,
        )

    def share_with(self, function: lambda_.Function, *, variable: str = "SPEED_TABLE") -> iam.Grant:
        """Let a function read with the module ``telemetry_view``: ``SpeedView.connect().latest("desk-7")``.

        Of a layer without windows ``SpeedView.windows`` raises, and ``ServingView`` answers from the batch layer alone.

        Args:
            function: A Python function of the same Region. It gets the layer, the table's name, and ``grant_read``.
            variable: Name of the environment variable, for a function that reads more than one speed layer.

        Raises:
            InvalidOptionError: for a function that does not run Python, or a variable that is taken.
        """
        environment = {
            variable: self.table.table_name,
            **window_variables(f"{variable}_WINDOW_S", self._window_length),
        }
        if not self._windows:
            environment[f"{variable}_HAS_NO_WINDOWS"] = "true"
        share_module(self, function, layer="data/telemetry_view", environment=environment)
        return self.grant_read(function)

    def metric_lag(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Age in milliseconds of the last record that was worked on: how far behind the layer is. Per minute."""
        return self.function.metric("IteratorAge", period=period or minute(), statistic="max")

    def metric_rejected(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Records that were sent to ``record_dead_letter_queue``, per 5 minutes by default."""
        return function_metric(self.function, "RejectedRecords", period=period)

    def metric_duplicates(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Records that changed nothing because they had been counted, per 5 minutes by default.

        A layer without windows counts none.
        """
        return function_metric(self.function, "DuplicateRecords", period=period)

    def metric_too_late(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Records whose window is not kept any more, per 5 minutes by default."""
        return function_metric(self.function, "TooLateRecords", period=period)

    def metric_dead_letters(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Batches whose places wait in ``dead_letter_queue``, per minute by default."""
        return metric_dead_letters(self.dead_letter_queue, period=period)

    def metric_record_dead_letters(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Records that wait in ``record_dead_letter_queue``, per minute by default."""
        return metric_dead_letters(self.record_dead_letter_queue, period=period)
