"""FanoutNotification: the topic that a device publishes to decides who receives the message."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import Duration, RemovalPolicy
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.cdk import cloudwatch, kms, sns, sqs
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.validation import InvalidOptionError, check_exclusive, check_no_repetition
from cdp_constructs.iot._common import check_kind, check_option
from cdp_constructs.iot.sql import select
from cdp_constructs.iot.topic_rule import TopicRule
from cdp_constructs.iot.topics import TELEMETRY_FIELDS, check_thing
from cdp_constructs.messaging.sns_sqs_fanout import SnsSqsFanout

__all__ = ["FanoutNotification"]


@checks_options
class FanoutNotification(Construct):
    """Delivers what a device publishes to the subscribers of its context or of the device, each with its own queue.

    CDP: Fanout / ファンアウト, with the MQTT topic as the address. AWS: an AWS IoT rule that publishes to SNS. The rule
    adds ``context``, ``thing`` and ``type`` from the topic to each message.

        alerts = FanoutNotification(self, "Alerts", fleet=fleet, alarm_topic=operators)
        alerts.add_subscriber("Archive", consumer=QueueConsumer(archiver))
        alerts.add_subscriber("FactoryOperator", contexts=["factory"])
    """

    fanout: SnsSqsFanout
    """The fan-out that the rule publishes to."""
    topic: "sns.ITopic"
    """The fan-out's SNS topic."""
    encryption_key: "kms.IKey | None"
    """Encrypts topic and queues."""
    rule: TopicRule
    """Publishes the messages of the MQTT topics."""
    dead_letter_queue: "sqs.IQueue"
    """Keeps messages that the rule could not publish."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        fleet: "cdp_constructs.DeviceFleet",
        kind: str = "alert",
        fanout: SnsSqsFanout | None = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Add fan-out and rule.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            fleet: The devices.
            kind: The type of message, the last level of the MQTT topic; ``+`` is every type. Default: ``alert``.
            fanout: An existing standard fan-out of this Region. Default: a new one.
            encryption_key: A customer-managed key for the new fan-out and the rule's dead-letter queue. Default: a new
                key for the fan-out ($1 a month), and a key of SQS.
            alarm_topic: Receives the alarms. Default: no alarms.
            removal_policy: What happens to the new fan-out's new key when the stack is deleted. Default: kept.

        Raises:
            InvalidOptionError: for a type that topics cannot have, a FIFO fan-out, options for a new fan-out or key
                beside an existing one, and resources of another Region.
        """
        super().__init__(scope, construct_id)
        check_kind(self, kind)
        check_exclusive(self, {"fanout": fanout}, {"encryption_key": encryption_key, "removal_policy": removal_policy})
        check_exclusive(self, {"encryption_key": encryption_key}, {"removal_policy": removal_policy})
        if fanout is not None and fanout.topic.fifo:
            fix = "Give a standard one"
            raise InvalidOptionError(
                self, "fanout", f"is {fanout.node.path}, whose topic is FIFO, which AWS IoT rules do not support", fix
            )
        self.fanout = fanout or SnsSqsFanout(
            self, "Fanout", encryption_key=encryption_key, alarm_topic=alarm_topic, removal_policy=removal_policy
        )
        self.topic, self.encryption_key = self.fanout.topic, self.fanout.encryption_key
        self.rule = TopicRule(
            self,
            "Rule",
            sql=select(f"*, {TELEMETRY_FIELDS}", fleet.topics.telemetry_filter(kind=kind)),
            description=f"Notifications of {path_of(self)}",
            encryption_key=encryption_key,
            alarm_topic=alarm_topic,
        )
        self.dead_letter_queue = self.rule.dead_letter_queue
        self.rule.add_topic(self.topic, encryption_key=self.encryption_key)
        self._contexts = fleet.contexts

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms, for a composite alarm or a dashboard; those of an existing fan-out are its own."""
        return alarms_of(self)

    def add_subscriber(
        self,
        construct_id: str,
        *,
        contexts: Sequence[str] | None = None,
        things: Sequence[str] | None = None,
        consumer: "cdp_constructs.QueueConsumer | None" = None,
        raw_message_delivery: bool = True,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
    ) -> "cdp_constructs.FanoutSubscriber":
        """Give a subscriber a queue of its own.

        For other filters on the message's fields use ``fanout.add_subscriber``; for a subscriber in another stack or
        Region, ``fanout.add_remote_subscriber``.

        Args:
            construct_id: Id inside the fan-out.
            contexts: Only messages from these sites or groups. Default: from all.
            things: Only messages from these devices. Default: from all.
            consumer: The function that works on the queue. Default: none; poll the queue yourself.
            raw_message_delivery: Whether the queue's messages are the published bodies or SNS envelopes around them.
            encryption_key: A customer-managed key for the queues. Default: the fan-out's.
            alarm_topic: Receives the alarms of this subscriber. Default: the fan-out's.

        Raises:
            InvalidOptionError: for an empty list, which would receive nothing, a context that the fleet does not have,
                a name that no thing can have, and values that SNS or SQS would refuse.
        """
        policy = self._filter(contexts, things)
        return self.fanout.add_subscriber(
            construct_id,
            consumer=consumer,
            filter_policy=policy or None,
            filter_on="body" if policy else "attributes",
            raw_message_delivery=raw_message_delivery,
            encryption_key=encryption_key,
            alarm_topic=alarm_topic,
        )

    def metric_published(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Messages published to the SNS topic. Default period: 1 minute."""
        return self.fanout.metric_published(period=period)

    def metric_dead_letters(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Messages in the rule's dead-letter queue; subscribers have their own metrics. Default period: 1 minute."""
        return self.rule.metric_dead_letters(period=period)

    def _filter(self, contexts: Sequence[str] | None, things: Sequence[str] | None) -> dict[str, list[Any]]:
        policy: dict[str, list[Any]] = {}
        for option, field, values in (("contexts", "context", contexts), ("things", "thing", things)):
            if values is None:
                continue
            if isinstance(values, str) or not values:
                fix = f"Name {option} in a list, or leave {option} out to receive from all"
                raise InvalidOptionError(self, option, f"is {values!r}", fix)
            check_no_repetition(self, option, values)
            policy[field] = list(values)
        for context in contexts or ():
            if context not in self._contexts:
                raise InvalidOptionError(
                    self, "contexts", f"contains {context!r}", f"Use some of the fleet's: {', '.join(self._contexts)}"
                )
        for thing in things or ():
            check_option(self, "things", thing, lambda _name, value: check_thing(value), listed=True)
        return policy
