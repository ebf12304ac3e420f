"""Aggregation: what many devices say comes together in one stream."""

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minute
from cdp_constructs.core.validation import InvalidOptionError, check_exclusive
from cdp_constructs.iot.topic_rule import TopicRule, select
from cdp_constructs.iot.topics import InvalidTopicError, check_level

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_sns as sns

    from cdp_constructs.iot.device_fleet import DeviceFleet

_BY_THING = "${topic(4)}"


class Aggregation(Construct):
    """Bring what many devices say together, in order for each of them.

    CDP: none. AWS: a rule with wildcards, into a Kinesis stream.

    Problem: something wants to hear all devices. One MQTT client that subscribes to ``dt/<app>/#`` receives at most 100
    messages a second and loses what comes while it is away; a device that may do so hears its neighbours. Solution:
    only a rule listens with wildcards. It adds what the topic says (``context``, ``thing``, ``type``) and when it
    arrived (``received_at``, milliseconds) and puts the message into a stream, keyed by the thing, that keeps it for
    whoever reads.

    With ``use_basic_ingest`` devices publish straight to the rule: no messaging charge, and nobody else hears it.

    Not for: alerts that people are to be told (``FanoutNotification``).

    Limits: 1 MB and 1,000 records a second for each shard; on demand the stream starts with 4 MB/s and doubles what it
    saw. A rule's action tries again for a while, then its error queue has the message. Source:
    https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html.

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        fleet: Whose devices are heard.
        kind: The type of message, the last level of the topic; by default every one.
        stream: A stream of this Region; by default one is made: on demand, encrypted.
        retention: How long the stream that is made keeps messages, 1 day (the default) to 365 days.
        alarm_topic: Receives the alarms; by default there are none.

    Attributes:
        stream: The stream.
        rule: The rule.

    Raises:
        InvalidOptionError: for a type that topics cannot have, or ``retention`` beside a brought stream.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        fleet: "DeviceFleet",
        kind: str = "+",
        stream: kinesis.IStream | None = None,
        retention: Duration | None = None,
        alarm_topic: "sns.ITopic | None" = None,
    ) -> None:
        super().__init__(scope, construct_id)
        check_exclusive(self, {"stream": stream}, {"retention": retention})
        if kind != "+":
            try:
                check_level("kind", kind)
            except InvalidTopicError as error:
                raise InvalidOptionError(self, "kind", f"is {kind!r}", str(error)) from error
        self.stream: kinesis.IStream = stream or kinesis.Stream(
            self,
            "Stream",
            stream_mode=kinesis.StreamMode.ON_DEMAND,
            encryption=kinesis.StreamEncryption.MANAGED,
            retention_period=retention or days(1),
        )
        self._fleet = fleet
        self._kind = kind
        self.rule = TopicRule(
            self,
            "Rule",
            sql=select(
                "*, topic(3) AS context, topic(4) AS thing, topic(5) AS type, timestamp() AS received_at",
                fleet.topics.telemetry_filter(kind=kind),
            ),
            description=f"What devices say, for {path_of(self)}",
            alarm_topic=alarm_topic,
        )
        self.rule.add_stream(self.stream, partition_key=_BY_THING)
        add_alarm(
            self,
            "ThrottledAlarm",
            self.stream.metric_write_provisioned_throughput_exceeded(period=minute(), statistic="sum"),
            # A brought stream is watched by who made it; several of these may share it.
            alarm_topic=alarm_topic if stream is None else None,
            evaluation_periods=5,
            description=f"{path_of(self)}: the stream refuses records for minutes. One device may say too much for "
            "its shard, or the fleet grew faster than the stream.",
        )

    def use_basic_ingest(self) -> None:
        """Let the devices publish straight to the rule, from their next identity on."""
        self._fleet.allow_basic_ingest(self.rule, kind="*" if self._kind == "+" else self._kind)

    def grant_read(self, grantee: "iam.IGrantable") -> "iam.Grant":
        """Let a reader have the stream."""
        return self.stream.grant_read(grantee)
