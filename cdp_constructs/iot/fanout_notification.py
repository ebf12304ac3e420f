"""FanoutNotification: the topic that a device publishes to decides who is told."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from constructs import Construct

from cdp_constructs.core.paths import path_of
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.iot.topic_rule import TopicRule, select
from cdp_constructs.iot.topics import InvalidTopicError, check_level, check_thing
from cdp_constructs.messaging.fanout_subscriber import FanoutSubscriber
from cdp_constructs.messaging.queue_consumer import QueueConsumer
from cdp_constructs.messaging.sns_sqs_fanout import SnsSqsFanout

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from cdp_constructs.iot.device_fleet import DeviceFleet


class FanoutNotification(Construct):
    """Tell everybody who wants to know what a device said, by where it said it.

    CDP: Fanout / ファンアウト パターン, with the topic as the address.

    Problem: a device that has to know who is interested in its alert is changed for each new listener, and holds the
    addresses of all. Solution: it publishes once, on its own topic. A rule adds what the topic says (``context``,
    ``thing``, ``type``) to the message and publishes it to an ``SnsSqsFanout``; each subscriber's filter picks contexts
    and things, and has a queue of its own with its places for failures.

    Not for: a stream of measurements (``Aggregation``): SNS is for what somebody has to do something about. Messages
    are JSON objects; a payload that is none reaches only subscribers without a filter.

    Limits: those of ``SnsSqsFanout``: 200 filter policies, and 300 to 30,000 publishes a second by Region.

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        fleet: Whose devices are heard.
        kind: The type of message, the last level of the topic; ``alert`` by default, ``+`` for every one.
        fanout: A fan-out of this Region to publish to; by default one is made.
        alarm_topic: Receives the alarms; by default there are none.

    Attributes:
        fanout: The fan-out.
        rule: The rule.

    Raises:
        InvalidOptionError: for a type that topics cannot have, and for a FIFO fan-out, which rules cannot publish to.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        fleet: "DeviceFleet",
        kind: str = "alert",
        fanout: SnsSqsFanout | None = None,
        alarm_topic: "sns.ITopic | None" = None,
    ) -> None:
        super().__init__(scope, construct_id)
        if kind != "+":
            _check(self, "kind", kind, check_level)
        if fanout is not None and fanout.topic.fifo:
            raise InvalidOptionError(self, "fanout", "is FIFO, which rules cannot publish to", "Give a standard one")
        self.fanout = fanout or SnsSqsFanout(self, "Fanout", alarm_topic=alarm_topic)
        self.rule = TopicRule(
            self,
            "Rule",
            sql=select(
                "*, topic(3) AS context, topic(4) AS thing, topic(5) AS type", fleet.topics.telemetry_filter(kind=kind)
            ),
            description=f"Notifications of {path_of(self)}",
            alarm_topic=alarm_topic,
        )
        self.rule.add_topic(self.fanout.topic, encryption_key=self.fanout.encryption_key)
        self._contexts = fleet.contexts

    def add_subscriber(
        self,
        construct_id: str,
        *,
        contexts: Sequence[str] | None = None,
        things: Sequence[str] | None = None,
        consumer: QueueConsumer | None = None,
        raw_message_delivery: bool = True,
    ) -> FanoutSubscriber:
        """Give somebody a queue of the notifications that matter to them.

        For more, ``fanout.add_subscriber`` takes any filter on the message's fields.

        Args:
            construct_id: Id inside the fan-out.
            contexts: Only these sites or groups; by default all.
            things: Only these devices; by default all.
            consumer: The function that works on the queue. Default: none; poll the queue yourself.
            raw_message_delivery: Whether the queue's messages are the published bodies or SNS envelopes around them.

        Raises:
            InvalidOptionError: for a context that the fleet does not have, or a name that no thing can have.
        """
        policy: dict[str, list[Any]] = {}
        for context in contexts or ():
            if context not in self._contexts:
                raise InvalidOptionError(
                    self, "contexts", f"contains {context!r}", f"The fleet has {', '.join(self._contexts)}"
                )
        for thing in things or ():
            _check(self, "things", thing, lambda _name, value: check_thing(value))
        if contexts:
            policy["context"] = list(contexts)
        if things:
            policy["thing"] = list(things)
        return self.fanout.add_subscriber(
            construct_id,
            consumer=consumer,
            filter_policy=policy or None,
            filter_on="body" if policy else "attributes",
            raw_message_delivery=raw_message_delivery,
        )


def _check(construct: Construct, option: str, value: str, check: Any) -> None:
    try:
        check(option, value)
    except InvalidTopicError as error:
        raise InvalidOptionError(construct, option, f"is {value!r}", str(error)) from error
