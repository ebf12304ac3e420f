"""Fanout: one message, and a queue of its own for everybody who wants it."""

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.keys import add_key
from cdp_constructs.core.paths import path_of, region_of, stack_of
from cdp_constructs.core.periods import minute
from cdp_constructs.core.validation import InvalidOptionError, check_exclusive
from cdp_constructs.messaging._filter_policy import FilterOn, FilterPolicy
from cdp_constructs.messaging._publishing import grant_publish, let_sns_use_key
from cdp_constructs.messaging._regions import check_region, is_other_region
from cdp_constructs.messaging._remote_subscriptions import subscribe_from_other_region
from cdp_constructs.messaging._subscriptions import SubscriberOptions, subscribe
from cdp_constructs.messaging.fanout_subscriber import FanoutSubscriber
from cdp_constructs.messaging.queue_consumer import QueueConsumer

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_kms as kms


_SNS_QUOTAS = "https://docs.aws.amazon.com/general/latest/gr/sns.html"
_MOST_FILTER_POLICIES = 200
_MOST_FIFO_SUBSCRIPTIONS = 100


class SnsSqsFanout(Construct):
    """Deliver each message to many consumers that neither know nor wait for each other.

    CDP: Fanout / ファンアウト パターン.

    Problem: a publisher that calls its consumers one after the other is as slow as their sum, fails with any of them,
    and must be changed for each new one. Solution: it publishes once to a topic; every consumer has a queue that
    buffers for it, a filter of its own, and two places where nothing is lost: the *subscription* dead-letter queue for
    what SNS could not deliver (after 100,015 tries in 23 days, or at once when the queue is gone or refuses), and the
    *queue* dead-letter queue for what the consumer failed on ``max_receive_count`` times. Both keep messages 14 days
    and raise an alarm for the first one. Topic and queues are encrypted with a customer-managed key, because AWS
    services can publish only to a topic whose key policy lets them; everything is TLS only.

    Do not use it for one consumer (a queue is enough), for replaying old messages to new consumers (a stream keeps
    them), or for e-mail and SMS.

    Delivery is at least once, and unordered unless ``fifo``: consumers must be idempotent.

    Limits: 200 filter policies per topic and 10,000 per account and Region; 100 subscriptions of a FIFO topic; a FIFO
    queue takes 300 messages a second without batching; standard topics take 300 to 30,000 publishes a second by
    Region. Sources: https://docs.aws.amazon.com/general/latest/gr/sns.html and
    https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html.

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        topic: A topic of the same Region to use; by default one is made. It keeps its settings, and what it has to
            allow is added where CDK owns it; an imported one must allow its publishers itself.
        fifo: Whether messages of a group stay in order, and repetitions within five minutes are dropped; makes every
            queue FIFO. Standard by default.
        content_based_deduplication: FIFO only: equal bodies are repetitions. By default equal
            ``MessageDeduplicationId`` are, and publishers must send one.
        encryption_key: A key for topic and queues, or the one that a brought topic is encrypted with; by default the
            brought topic's own if it is known, and otherwise one is made with the topic. The policy of a key imported
            by ARN is not changed: it must let ``sns.amazonaws.com`` use it, and each service that is granted to
            publish.
        alarm_topic: Receives the alarms of all subscribers in this Region; by default there are no alarms. Use a
            topic that is not this fan-out's own.
        removal_policy: What happens to the key that is made here when the stack goes; it is kept by default.

    Attributes:
        topic: The topic.
        encryption_key: The key of topic and queues, None for a brought topic whose key is not known: the queues are
            then encrypted with a key of SQS.

    Raises:
        InvalidOptionError: for options that contradict each other or a topic of another Region.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        topic: sns.ITopic | None = None,
        fifo: bool | None = None,
        content_based_deduplication: bool | None = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: sns.ITopic | None = None,
        removal_policy: RemovalPolicy | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        check_exclusive(
            self,
            {"topic": topic},
            {
                "fifo": fifo,
                "content_based_deduplication": content_based_deduplication,
                "removal_policy": removal_policy,
            },
        )
        if content_based_deduplication is not None and not fifo:
            raise InvalidOptionError(
                self, "content_based_deduplication", "was given for a standard topic", "Give fifo=True or leave it out"
            )
        check_exclusive(self, {"encryption_key": encryption_key}, {"removal_policy": removal_policy})
        self.alarm_topic = alarm_topic
        self._filter_policies = 0
        self._subscriptions = 0
        self.topic: sns.ITopic
        self.encryption_key: kms.IKey | None
        if topic is not None:
            self.topic = topic
            self._fifo = topic.fifo
            self.encryption_key = encryption_key or topic.master_key
        else:
            self.encryption_key = encryption_key or add_key(
                self,
                "EncryptionKey",
                description=f"Encrypts the topic and the queues of {path_of(self)}",
                removal_policy=removal_policy or RemovalPolicy.RETAIN,
            )
            self.topic = sns.Topic(
                self,
                "Topic",
                fifo=fifo,
                content_based_deduplication=content_based_deduplication,
                master_key=self.encryption_key,
                enforce_ssl=True,
            )
            self._fifo = bool(fifo)
        region = region_of(stack_of(self))
        fix = "Create the fan-out in the topic's Region and use add_remote_subscriber with a scope in the other one"
        check_region(self, "topic", topic, region, fix)
        check_region(self, "alarm_topic", alarm_topic, region, f"Give one of {region}")
        if self.encryption_key is not None:
            let_sns_use_key(self, self.encryption_key, region)
        add_alarm(
            self,
            "LostMessagesAlarm",
            self.topic.metric("NumberOfNotificationsFailedToRedriveToDlq", period=minute(), statistic="sum"),
            alarm_topic=alarm_topic,
            description=f"{path_of(self)}: SNS lost messages: it could neither deliver them nor put them into the "
            "subscription's dead-letter queue. Look at that queue's policy and at its key's.",
        )

    def add_subscriber(
        self,
        construct_id: str,
        *,
        consumer: QueueConsumer | None = None,
        filter_policy: FilterPolicy | None = None,
        filter_on: FilterOn = "attributes",
        raw_message_delivery: bool = True,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: sns.ITopic | None = None,
    ) -> FanoutSubscriber:
        """Give a subscriber a queue of its own.

        Args:
            construct_id: Id inside this fan-out.
            consumer: The function that works on the queue. Default: none; poll the queue yourself.
            filter_policy: Which messages to take, in the JSON form of the SNS guide. Default: all.
            filter_on: Whether the policy looks at message ``attributes`` or at fields of a JSON ``body``.
            raw_message_delivery: Whether the queue's messages are the published bodies (at most ten message
                attributes; more go to the subscription's dead-letter queue) or SNS envelopes around them.
            encryption_key: A customer-managed key for the queues. Default: this fan-out's.
            alarm_topic: Receives the alarms of this subscriber. Default: this fan-out's.

        Raises:
            InvalidOptionError: for values that SNS or SQS would refuse, and for an alarm topic of another Region.
        """
        options = self._check_subscriber(
            f"{path_of(self)}/{construct_id}", consumer, filter_policy, filter_on, raw_message_delivery
        )
        self._check_alarm_topic(f"{path_of(self)}/{construct_id}", alarm_topic, self)
        owner = Construct(self, construct_id)
        return subscribe(self, owner, options, encryption_key=encryption_key, alarm_topic=alarm_topic)

    def add_remote_subscriber(
        self,
        scope: Construct,
        construct_id: str,
        *,
        consumer: QueueConsumer | None = None,
        filter_policy: FilterPolicy | None = None,
        filter_on: FilterOn = "attributes",
        raw_message_delivery: bool = True,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: sns.ITopic | None = None,
    ) -> FanoutSubscriber:
        """Give a subscriber in another construct, another stack or another **Region** a queue of its own there.

        In another Region queue and topic get names made from their paths, so that neither stack waits for the other:
        the first such subscriber replaces a topic that is already deployed. The subscription and its dead-letter queue
        stay in the topic's Region, as SNS requires.

        Args:
            scope: Where queue, dead-letter queue and event source mapping live.
            construct_id: Id inside ``scope``, and in another Region also inside this fan-out.
            consumer: As for ``add_subscriber``; the function is of ``scope``'s Region.
            filter_policy: As for ``add_subscriber``.
            filter_on: As for ``add_subscriber``.
            raw_message_delivery: As for ``add_subscriber``.
            encryption_key: A customer-managed key of the queue's Region. Default: this fan-out's; in another Region a
                key of SQS.
            alarm_topic: Receives the alarms of this subscriber that are in ``scope``'s Region. Default: this fan-out's.
                Required in another Region when this fan-out has one: an alarm notifies only topics of its own Region.

        Raises:
            InvalidOptionError: for values that SNS or SQS would refuse, for another account, and for stacks whose
                Regions are not known at synthesis.
        """
        remote = is_other_region(self, scope)
        path = f"{path_of(self)}/{construct_id}"
        options = self._check_subscriber(path, consumer, filter_policy, filter_on, raw_message_delivery)
        self._check_alarm_topic(path, alarm_topic, scope)
        if remote:
            return subscribe_from_other_region(
                self, scope, construct_id, options, encryption_key=encryption_key, alarm_topic=alarm_topic
            )
        owner = Construct(scope, construct_id)
        return subscribe(self, owner, options, encryption_key=encryption_key, alarm_topic=alarm_topic)

    def grant_publish(self, grantee: iam.IGrantable, *, source_arn: str | None = None) -> iam.Grant:
        """Let a role, a function or an AWS service publish to the encrypted topic.

        Args:
            grantee: Anything with a role, or ``iam.ServicePrincipal("s3.amazonaws.com")``. A service may publish for
                this account only, except EventBridge, which names no account when it publishes to a topic. IoT rules
                publish with a role: grant that.
            source_arn: For a service: the only resource that may make it publish, such as a bucket's ARN; ``*`` and
                ``?`` match. By default any of this account.

        Raises:
            InvalidOptionError: when ``source_arn`` cannot be checked, or a service is granted to an imported topic,
                whose policy can only be changed where it is made.
        """
        return grant_publish(self, grantee, self.topic, self.encryption_key, source_arn)

    def metric_published(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Messages published to the topic, per minute by default."""
        return self.topic.metric_number_of_messages_published(period=period or minute(), statistic="sum")

    def metric_failed(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Deliveries that SNS gave up, of all subscribers, per minute by default."""
        return self.topic.metric_number_of_notifications_failed(period=period or minute(), statistic="sum")

    def _check_alarm_topic(self, path: str, alarm_topic: sns.ITopic | None, scope: Construct) -> None:
        region = region_of(stack_of(scope))
        check_region(path, "alarm_topic", alarm_topic, region, f"Give one of {region}")

    def _check_subscriber(
        self,
        path: str,
        consumer: QueueConsumer | None,
        filter_policy: FilterPolicy | None,
        filter_on: FilterOn,
        raw_message_delivery: bool,
    ) -> SubscriberOptions:
        options = SubscriberOptions(
            path,
            fifo=self._fifo,
            consumer=consumer,
            filter_policy=filter_policy,
            filter_on=filter_on,
            raw_message_delivery=raw_message_delivery,
        )
        self._count(path, filtered=options.filtered)
        return options

    def _count(self, path: str, *, filtered: bool) -> None:
        self._subscriptions += 1
        self._filter_policies += filtered
        if self._fifo and self._subscriptions > _MOST_FIFO_SUBSCRIPTIONS:
            raise InvalidOptionError(
                path,
                "fifo",
                f"topic gets subscription number {self._subscriptions}",
                f"A FIFO topic takes {_MOST_FIFO_SUBSCRIPTIONS}; divide the messages between topics ({_SNS_QUOTAS})",
            )
        if self._filter_policies > _MOST_FILTER_POLICIES:
            raise InvalidOptionError(
                path,
                "filter_policy",
                f"is number {self._filter_policies} of the topic",
                f"A topic takes {_MOST_FILTER_POLICIES}; divide the messages between topics ({_SNS_QUOTAS})",
            )
