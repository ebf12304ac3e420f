"""Speed Layer: what things measure, known within seconds."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.keys import add_key
from cdp_constructs.core.layers import share_module
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minute, minutes
from cdp_constructs.core.queues import add_dead_letter_queue
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_exclusive
from cdp_constructs.data._records import check_names

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms

    from cdp_constructs.iot.topic_rule import TopicRule

_LAMBDA_QUOTAS = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
# Lambda allows 4 KB for all variables; the others take less than 1 KB.
_MOST_THRESHOLD_BYTES = 3_000
# Readings of one thing in one batch are one write, so a backlog costs less.
_BATCH_SIZE = 500
# Batches of one shard that are worked on at a time; a partition key stays with one of them, so in order.
_PARALLELIZATION = 5
# A function that is taken down by one record halves its batch down to that one, which costs no retries, and then tries
# this often. The same count has to carry a service that does not answer for some minutes.
_RETRIES = 20
_STREAM_RETENTION = Duration.days(7)
_BEHIND_THAT_ALARMS = Duration.minutes(5)
_TIMEOUT = Duration.seconds(60)


class SpeedLayer(Construct):
    """Know the latest state and the last minutes of each thing, and hear at once when a limit is crossed.

    CDP: no chapter of its own; the speed layer of a lambda architecture, beside ``BatchLayer``.

    Problem: what sensors report is wanted within seconds, it arrives late, twice and out of order, and one record that
    cannot be worked on must not hold up those behind it. Solution: a Kinesis stream keeps the order of each thing; a
    function folds records into DynamoDB: the newest value of each field, and one-minute windows with count, minimum,
    maximum and sum of each measure. A duplicate (the same ``message_id`` in the same minute) changes nothing; a late
    record goes into its own window and never replaces a newer value.

    A record is a JSON object with ``thing``, ``at`` (epoch milliseconds), measures as numbers, and optionally
    ``message_id``, ``context``, ``type`` and any other fields. What cannot be read goes to ``error_queue`` at once with
    the reason. When a service does not answer, the batch is tried again; when a record takes the whole function down,
    Lambda halves the batch until it is alone and puts its place in the stream into ``dead_letter_queue``.

    Not for: sums that must be exact for billing (that is the batch layer's), and things that send more than some ten
    records a second, because each window carries the ids that it has seen.

    Limits: an item of DynamoDB is 400 KB, so a window takes about 15,000 records; a partition takes 1,000 writes a
    second; an on-demand stream starts with 4 MB/s and takes up to double its highest rate of the last 30 days
    (https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html).

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        measures: Fields that are numbers and go into windows, in lower case, such as ``["temperature"]``.
        stream: A stream to use. By default one is made: on demand, encrypted, records kept for 7 days.
        table: A table to use: partition key ``pk`` and sort key ``sk`` (strings), time to live by ``expires_at``. By
            default one is made, on demand, with point-in-time recovery and deletion protection.
        alert_topic: Hears of crossed thresholds. By default one is made, encrypted with a key that is made too.
        window_retention: How long windows are kept, and so how late a record may be; 1 hour to 30 days, by default 2
            days. A later record still counts for the latest state.
        alarm_topic: Receives the alarms; by default there are none.
        removal_policy: What happens to the stream and the table that are made here when the stack goes; by default they
            are kept.

    Attributes:
        stream: Where records are put.
        table: The state and the windows.
        alert_topic: JSON, see ``add_threshold``. Subscribe with ``SnsSqsFanout(self, "Alerts", topic=…)``.
        function: Works on the records.
        error_queue: Records that could not be read or recorded, with the reason.
        dead_letter_queue: Places in the stream that Lambda gave up.

    Raises:
        InvalidOptionError: for measures that cannot be, a duration out of range, or an option for what was brought.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        measures: Sequence[str],
        stream: kinesis.IStream | None = None,
        table: dynamodb.ITable | None = None,
        alert_topic: sns.ITopic | None = None,
        window_retention: Duration | None = None,
        alarm_topic: sns.ITopic | None = None,
        removal_policy: RemovalPolicy | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._measures = check_names(self, "measures", measures)
        if stream is not None and table is not None:
            check_exclusive(self, {"stream": stream}, {"removal_policy": removal_policy})
        retention = window_retention or days(2)
        check_duration(
            self,
            "window_retention",
            retention,
            low=Duration.hours(1),
            high=days(30),
            source="windows answer until the batch layer does; what is older is read there",
        )
        policy = removal_policy or RemovalPolicy.RETAIN
        self.stream: kinesis.IStream = stream or kinesis.Stream(
            self,
            "Stream",
            stream_mode=kinesis.StreamMode.ON_DEMAND,
            encryption=kinesis.StreamEncryption.MANAGED,
            retention_period=_STREAM_RETENTION,
            removal_policy=policy,
        )
        self.table: dynamodb.ITable = table or self._make_table(policy)
        self._alert_key: kms.IKey | None = alert_topic.master_key if alert_topic is not None else None
        self.alert_topic: sns.ITopic = alert_topic or self._make_topic()
        self.error_queue = add_dead_letter_queue(
            self, "ErrorQueue", alarm_topic=alarm_topic, holds="records that could not be read or recorded"
        )
        self.dead_letter_queue = add_dead_letter_queue(
            self, "DeadLetterQueue", alarm_topic=alarm_topic, holds="places in the stream that the function failed on"
        )
        self._thresholds: list[dict[str, object]] = []
        self.function: lambda_.Function = self._make_function(retention)
        self._consume()
        add_alarm(
            self,
            "BehindAlarm",
            self.metric_iterator_age(),
            alarm_topic=alarm_topic,
            threshold=_BEHIND_THAT_ALARMS.to_milliseconds(),
            evaluation_periods=3,
            description=f"{path_of(self)}: the latest state is minutes old. Look at the function's errors, throttles "
            "and at the table's; a record that is tried again holds up its shard until it is set aside.",
        )
        add_alarm(
            self,
            "ThrottledAlarm",
            self._stream_metric("WriteProvisionedThroughputExceeded", minute(), "sum"),
            alarm_topic=alarm_topic,
            evaluation_periods=3,
            description=f"{path_of(self)}: the stream refuses records; producers have to repeat them. Look for one "
            "thing that sends most of them: a partition key has 1,000 records and 1 MB a second.",
        )

    def add_rule(self, rule: "TopicRule", *, partition_key: str = "${topic(4)}") -> None:
        """Let an IoT rule put its messages into the stream.

        Args:
            rule: Selects what a record is: ``SELECT *, topic(4) AS thing, topic(3) AS context, topic(5) AS type``.
            partition_key: What keeps its order, as a substitution template; by default the thing.
        """
        rule.add_stream(self.stream, partition_key=partition_key)

    def add_threshold(
        self,
        name: str,
        *,
        measure: str,
        above: float | None = None,
        below: float | None = None,
        recovers_at: float | None = None,
    ) -> None:
        """Publish to ``alert_topic`` once when a thing's measure crosses a limit, and once when it is back.

        The message is JSON with ``alert_id`` (the same when it is published again), ``threshold``, ``state``
        (``crossed`` or ``recovered``), ``thing``, ``context``, ``type``, ``measure``, ``value``, ``limit`` and ``at``;
        ``threshold``, ``state``, ``thing`` and ``context`` are message attributes too. Late records raise no alerts.

        Args:
            name: Such as ``TooHot``; unique in this layer. A threshold with another name starts anew.
            measure: One of the layer's.
            above: The limit that must not be exceeded; or
            below: the limit that must not be fallen short of.
            recovers_at: Where it counts as back; by default at the limit. Leave some room, so that a value that sways
                about the limit does not alert with each swing.

        Raises:
            InvalidOptionError: for a name that is taken, an unknown measure, none or both limits, a recovery beyond
                the limit, or more thresholds than the function's variables take (about 25).
        """
        path = f"{path_of(self)}/{name}"
        if not name or any(threshold["name"] == name for threshold in self._thresholds):
            raise InvalidOptionError(self, "name", f"is {name!r}", "Give each threshold a name of its own")
        if measure not in self._measures:
            raise InvalidOptionError(path, "measure", f"is {measure!r}", f"Use one of {', '.join(self._measures)}")
        if (above is None) == (below is None):
            raise InvalidOptionError(path, "above", "and below are given both or neither", "Give one of them")
        limit = above if above is not None else below
        recovery = limit if recovers_at is None else recovers_at
        if (above is not None and recovery > above) or (below is not None and recovery < below):  # type: ignore[operator]
            side = "below" if above is not None else "above"
            raise InvalidOptionError(path, "recovers_at", f"is {recovery:g}", f"Use {limit:g} or a value {side} it")
        self._thresholds.append(
            {"name": name, "measure": measure, "limit": limit, "above": above is not None, "recovers_at": recovery}
        )
        written = json.dumps(self._thresholds, separators=(",", ":"))
        if len(written) > _MOST_THRESHOLD_BYTES:
            problem = f"makes {len(written)} bytes of thresholds"
            fix = f"Use at most {_MOST_THRESHOLD_BYTES:,} bytes: shorter names, or a second layer ({_LAMBDA_QUOTAS})"
            raise InvalidOptionError(self, "name", problem, fix)
        self.function.add_environment("THRESHOLDS", written)

    def grant_put(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a producer put records: ``PutRecord`` with the thing as partition key, which keeps its order."""
        if self.stream.encryption_key is not None:
            self.stream.encryption_key.grant(grantee, "kms:GenerateDataKey")
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["kinesis:PutRecord", "kinesis:PutRecords"],
            resource_arns=[self.stream.stream_arn],
        )

    def share_with(self, function: lambda_.Function, *, variable: str = "SPEED_TABLE") -> None:
        """Let a function read with the module ``telemetry_view``: ``SpeedView.connect().latest("desk-7")``.

        Args:
            function: A Python function of the same Region. It gets the layer, the table's name, and permission to read.
            variable: Name of the environment variable; for a function that reads more than one layer.

        Raises:
            InvalidOptionError: for a function that does not run Python, or a variable that is taken.
        """
        statement = iam.PolicyStatement(
            actions=["dynamodb:GetItem", "dynamodb:Query"],
            resources=[self.table.table_arn],
            conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["THING#*"]}},
        )
        environment = {variable: self.table.table_name}
        share_module(self, function, layer="data/telemetry_view", environment=environment, statements=[statement])
        if self.table.encryption_key is not None:
            self.table.encryption_key.grant_decrypt(function)

    def metric_iterator_age(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Age in milliseconds of the last record that was worked on: how far behind it is. Per minute by default."""
        return self.function.metric("IteratorAge", period=period or minute(), statistic="max")

    def metric_unreadable(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Records that were set aside in ``error_queue``, per 5 minutes by default."""
        return self._metric("UnreadableRecords", period)

    def metric_duplicates(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Records that changed nothing because they had been counted, per 5 minutes by default."""
        return self._metric("DuplicateRecords", period)

    def metric_too_late(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Records whose window is not kept any more, per 5 minutes by default."""
        return self._metric("TooLateRecords", period)

    def _metric(self, name: str, period: Duration | None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="CdpConstructs",
            metric_name=name,
            dimensions_map={"function_name": self.function.function_name},
            statistic="sum",
            period=period or minutes(5),
        )

    def _stream_metric(self, name: str, period: Duration, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/Kinesis",
            metric_name=name,
            dimensions_map={"StreamName": self.stream.stream_name},
            statistic=statistic,
            period=period,
        )

    def _make_table(self, removal_policy: RemovalPolicy) -> dynamodb.TableV2:
        return dynamodb.TableV2(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing=dynamodb.Billing.on_demand(),
            time_to_live_attribute="expires_at",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=removal_policy is not RemovalPolicy.DESTROY,
            removal_policy=removal_policy,
        )

    def _make_topic(self) -> sns.Topic:
        self._alert_key = add_key(self, "EncryptionKey", description=f"Encrypts the alerts of {path_of(self)}")
        return sns.Topic(self, "AlertTopic", master_key=self._alert_key, enforce_ssl=True)

    def _make_function(self, retention: Duration) -> lambda_.Function:
        function = add_function(
            self,
            "Function",
            handler="data/speed_layer",
            description="Keeps the latest state and one-minute windows of things",
            invocation=Invocation.POLLED,
            memory_size=512,
            timeout=_TIMEOUT,
            environment={
                "SPEED_TABLE": self.table.table_name,
                "ALERT_TOPIC": self.alert_topic.topic_arn,
                "ERROR_QUEUE": self.error_queue.queue_url,
                "MEASURES": json.dumps(self._measures),
                "THRESHOLDS": "[]",
                "WINDOW_RETENTION_S": str(retention.to_seconds()),
            },
        )
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["dynamodb:BatchGetItem", "dynamodb:PutItem"],
                resources=[self.table.table_arn],
                conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["THING#*"]}},
            )
        )
        function.add_to_role_policy(
            iam.PolicyStatement(actions=["sns:Publish"], resources=[self.alert_topic.topic_arn])
        )
        queues = [self.error_queue.queue_arn, self.dead_letter_queue.queue_arn]
        function.add_to_role_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=queues))
        if self.table.encryption_key is not None:
            self.table.encryption_key.grant(function, "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")
        if self._alert_key is not None:
            self._alert_key.grant(function, "kms:Decrypt", "kms:GenerateDataKey")
        return function

    def _consume(self) -> None:
        reading = self.stream.grant_read(self.function)
        mapping = lambda_.EventSourceMapping(
            self,
            "Records",
            target=self.function,
            event_source_arn=self.stream.stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=_BATCH_SIZE,
            parallelization_factor=_PARALLELIZATION,
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            retry_attempts=_RETRIES,
        )
        reading.apply_before(mapping)
        # SqsDlq() would import aws_lambda_event_sources, which loads half of the CDK.
        destination = lambda_.CfnEventSourceMapping.OnFailureProperty(destination=self.dead_letter_queue.queue_arn)
        mapping.node.default_child.destination_config = (  # type: ignore[union-attr]
            lambda_.CfnEventSourceMapping.DestinationConfigProperty(on_failure=destination)
        )
