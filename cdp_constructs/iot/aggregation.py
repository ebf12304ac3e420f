"""Aggregation: the telemetry of many devices in one stream."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.cdk import cloudwatch, iam, kms, sns, sqs
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minute
from cdp_constructs.core.validation import check_duration, check_exclusive
from cdp_constructs.iot._common import check_kind
from cdp_constructs.iot.sql import select
from cdp_constructs.iot.topic_rule import TopicRule
from cdp_constructs.iot.topics import BY_THING, TELEMETRY_FIELDS, TRACE_FIELD

__all__ = ["Aggregation"]

_RETENTION_LIMIT = "https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"


@checks_options
class Aggregation(Construct):
    """Collects the telemetry of all devices of a fleet in a Kinesis stream, in order for each device.

    CDP: none. AWS: an AWS IoT rule with wildcards, into a stream. The rule adds ``context``, ``thing`` and ``type``
    from the topic and ``received_at`` (milliseconds) to each message.

        climate = Aggregation(self, "Climate", fleet=fleet, kind="climate", alarm_topic=operators)
        climate.use_basic_ingest()
        climate.grant_read(reader)
    """

    stream: kinesis.IStream
    """The stream; its partition key is the thing."""
    rule: TopicRule
    """Puts the messages into the stream."""
    dead_letter_queue: "sqs.IQueue"
    """Keeps messages that the rule could not put into the stream."""
    encryption_key: "kms.IKey | None"
    """Encrypts stream and dead-letter queue; None when AWS encrypts with keys of its own."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        fleet: "cdp_constructs.DeviceFleet",
        kind: str = "+",
        stream: kinesis.IStream | None = None,
        retention: Duration | None = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Add stream and rule.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            fleet: The devices.
            kind: The type of telemetry, the last level of the topic. Default: every type.
            stream: An existing stream of this Region. Default: a new one, on demand.
            retention: How long the new stream keeps messages, 1 to 365 days. Default: 1 day.
            encryption_key: A customer-managed key for the new stream and the dead-letter queue. Default: the key
                ``aws/kinesis``, and a key of SQS.
            alarm_topic: Receives the alarms. Default: no alarms.
            removal_policy: What happens to the new stream when the stack is deleted.

        Raises:
            InvalidOptionError: for a type that topics cannot have, options for a new stream beside an existing one, and
                resources of another Region.
        """
        super().__init__(scope, construct_id)
        check_exclusive(self, {"stream": stream}, {"retention": retention, "removal_policy": removal_policy})
        check_kind(self, kind)
        if retention is not None:
            check_duration(self, "retention", retention, low=days(1), high=days(365), source=_RETENTION_LIMIT)
        self.encryption_key = encryption_key
        self.stream = stream or kinesis.Stream(
            self,
            "Stream",
            stream_mode=kinesis.StreamMode.ON_DEMAND,
            encryption=kinesis.StreamEncryption.MANAGED if encryption_key is None else kinesis.StreamEncryption.KMS,
            encryption_key=encryption_key,
            retention_period=retention or days(1),
            removal_policy=removal_policy,
        )
        if stream is None and encryption_key is not None:
            acknowledge(self.stream, "AwsSolutions-KDS3", "It is encrypted with the customer-managed key of its owner.")
        self._fleet = fleet
        self._kind = kind
        self.rule = TopicRule(
            self,
            "Rule",
            sql=select(
                f"*, {TELEMETRY_FIELDS}, timestamp() AS received_at, {TRACE_FIELD}",
                fleet.topics.telemetry_filter(kind=kind),
            ),
            description=f"Telemetry for {path_of(self)}",
            encryption_key=encryption_key,
            alarm_topic=alarm_topic,
        )
        self.dead_letter_queue = self.rule.dead_letter_queue
        self.rule.add_stream(self.stream, partition_key=BY_THING)
        add_alarm(
            self,
            "ThrottledAlarm",
            self.metric_throttled(),
            # An existing stream is watched where it is created; several of these may share it.
            alarm_topic=alarm_topic if stream is None else None,
            evaluation_periods=5,
            description=f"{path_of(self)}: the stream has throttled records for 5 minutes. One device may publish too "
            "much for its shard, or the fleet grew faster than the stream.",
        )

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def use_basic_ingest(self) -> None:
        """Let devices publish straight to the rule, at no messaging charge, as soon as they renew their identity."""
        self._fleet.allow_basic_ingest(self.rule, kind="*" if self._kind == "+" else self._kind)

    def grant_read(self, grantee: "iam.IGrantable") -> "iam.Grant":
        """Let a consumer read the stream, and use its key."""
        return self.stream.grant_read(grantee)

    def metric_lag(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Age in **milliseconds** of the last record that a consumer read. Default period: 1 minute."""
        return self.stream.metric_get_records_iterator_age_milliseconds(period=period or minute(), statistic="max")

    def metric_throttled(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Records that the stream throttled. Default period: 1 minute."""
        return self.stream.metric_write_provisioned_throughput_exceeded(period=period or minute(), statistic="sum")

    def metric_dead_letters(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Messages in the dead-letter queue. Default period: 1 minute."""
        return self.rule.metric_dead_letters(period=period)
