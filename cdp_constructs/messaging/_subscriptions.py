"""A subscriber of a fan-out: its queue, the subscription, and a place for what fails at either."""

from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.cdk import kms, sqs
from cdp_constructs.core.paths import region_of, stack_of
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.messaging._filter_policy import FilterOn, FilterPolicy, filter_options
from cdp_constructs.messaging._publishing import let_sns_use_key, sns_service
from cdp_constructs.messaging.fanout_subscriber import FanoutSubscriber
from cdp_constructs.messaging.queue_consumer import QueueConsumer

_SNS_QUOTAS = "https://docs.aws.amazon.com/general/latest/gr/sns.html"
_MOST_FILTER_POLICIES = 200
_MOST_FIFO_SUBSCRIPTIONS = 100


@dataclass
class TopicQuotas:
    """How many subscriptions and filter policies one topic has of those that SNS allows."""

    fifo: bool
    subscriptions: int = 0
    filter_policies: int = 0

    def count(self, path: str, *, filtered: bool) -> None:
        """Count one more subscription.

        Raises:
            InvalidOptionError: when the topic cannot take it.
        """
        self.subscriptions += 1
        self.filter_policies += filtered
        if self.fifo and self.subscriptions > _MOST_FIFO_SUBSCRIPTIONS:
            raise InvalidOptionError(
                path,
                "fifo",
                f"is True, but the topic gets subscription number {self.subscriptions}",
                f"Use at most {_MOST_FIFO_SUBSCRIPTIONS}, or divide the messages between topics ({_SNS_QUOTAS})",
            )
        if self.filter_policies > _MOST_FILTER_POLICIES:
            raise InvalidOptionError(
                path,
                "filter_policy",
                f"is number {self.filter_policies} of the topic",
                f"Use at most {_MOST_FILTER_POLICIES}, or divide the messages between topics ({_SNS_QUOTAS})",
            )


class SubscriberOptions:
    """The options of a subscriber that do not depend on where its queue is, checked."""

    def __init__(
        self,
        path: str,
        *,
        fifo: bool,
        consumer: QueueConsumer | None,
        filter_policy: FilterPolicy | None,
        filter_on: FilterOn,
        raw_message_delivery: bool,
    ) -> None:
        """Check them; ``path`` is that of the subscriber, which does not exist yet."""
        self.consumer = consumer or QueueConsumer()
        if fifo:
            self.consumer.check_fifo(path)
        self.fifo = fifo
        self._delivery: dict[str, Any] = {
            "raw_message_delivery": raw_message_delivery,
            **filter_options(path, filter_policy, filter_on),
        }

    def add_queues(
        self,
        owner: "Construct",
        *,
        encryption_key: "kms.IKey | None",
        alarm_topic: sns.ITopic | None,
        queue_name: str | None = None,
    ) -> "tuple[sqs.Queue, sqs.Queue]":
        """Add the queue and its dead-letter queue."""
        dead_letter_queue = add_dead_letter_queue(
            owner,
            "DeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="messages that the consumer failed on",
            fifo=self.fifo,
            encryption_key=encryption_key,
        )
        queue = add_work_queue(
            owner,
            "Queue",
            dead_letter_queue=dead_letter_queue,
            visibility_timeout=self.consumer.queue_visibility_timeout(),
            max_receive_count=self.consumer.max_receive_count,
            fifo=self.fifo,
            encryption_key=encryption_key,
            queue_name=queue_name,
        )
        return queue, dead_letter_queue

    def add_subscription_dead_letter_queue(
        self, delivery: "Construct", *, encryption_key: "kms.IKey | None", alarm_topic: sns.ITopic | None
    ) -> "sqs.Queue":
        """Add the place for what SNS cannot deliver, in the topic's Region."""
        return add_dead_letter_queue(
            delivery,
            "SubscriptionDeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="messages that SNS could not deliver",
            fifo=self.fifo,
            encryption_key=encryption_key,
        )

    def add_subscription(
        self, delivery: "Construct", topic: sns.ITopic, queue: "sqs.Queue", dead_letter_queue: "sqs.Queue"
    ) -> sns.Subscription:
        """Connect topic and queue, in the topic's Region."""
        return sns.Subscription(
            delivery,
            "Subscription",
            topic=topic,
            protocol=sns.SubscriptionProtocol.SQS,
            endpoint=queue.queue_arn,
            dead_letter_queue=dead_letter_queue,
            **self._delivery,
        )


def allow_delivery(queue: "sqs.Queue", topic_arn: str, sns_service: iam.ServicePrincipal) -> iam.Grant:
    """Let SNS put messages of this one topic into the queue."""
    return iam.Grant.add_to_principal_or_resource(
        actions=["sqs:SendMessage"],
        grantee=sns_service.with_conditions({"ArnEquals": {"aws:SourceArn": topic_arn}}),
        resource_arns=[queue.queue_arn],
        resource=queue,
    )


def subscribe(
    fanout: "cdp_constructs.SnsSqsFanout",
    owner: "Construct",
    options: SubscriberOptions,
    *,
    encryption_key: "kms.IKey | None",
    alarm_topic: sns.ITopic | None,
) -> FanoutSubscriber:
    """Add a subscriber in the topic's Region; everything of it is in ``owner``."""
    key, alarms = encryption_key or fanout.encryption_key, alarm_topic or fanout.alarm_topic
    region = region_of(stack_of(fanout))
    queue, dead_letter_queue = options.add_queues(owner, encryption_key=key, alarm_topic=alarms)
    undelivered = options.add_subscription_dead_letter_queue(
        owner, encryption_key=fanout.encryption_key, alarm_topic=alarms
    )
    if key is not None and key is not fanout.encryption_key:
        let_sns_use_key(owner, key, region)
    delivery = allow_delivery(queue, fanout.topic.topic_arn, sns_service(region, region))
    subscription = options.add_subscription(owner, fanout.topic, queue, undelivered)
    delivery.apply_before(subscription)
    options.consumer.bind(owner, queue)
    return FanoutSubscriber(queue, dead_letter_queue, subscription, undelivered)
