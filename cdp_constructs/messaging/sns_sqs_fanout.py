"""SnsSqsFanout: publish once, and every subscriber gets a queue of its own."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.cdk import cloudwatch, kms
from cdp_constructs.core.keys import add_key
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of, region_of, stack_of
from cdp_constructs.core.periods import minute
from cdp_constructs.core.places import elsewhere
from cdp_constructs.core.validation import InvalidOptionError, check_exclusive
from cdp_constructs.messaging._filter_policy import FilterOn, FilterPolicy
from cdp_constructs.messaging._publishing import grant_publish, let_sns_use_key
from cdp_constructs.messaging._remote_subscriptions import is_other_region, subscribe_from_other_region
from cdp_constructs.messaging._subscriptions import SubscriberOptions, TopicQuotas, subscribe
from cdp_constructs.messaging.fanout_subscriber import FanoutSubscriber
from cdp_constructs.messaging.queue_consumer import QueueConsumer


@checks_options
class SnsSqsFanout(Construct):
    """Delivers each published message to many subscribers that neither know nor wait for each other.

    CDP: Fanout / ファンアウト パターン.

    An encrypted topic, and for each subscriber a queue with a filter, a dead-letter queue for what its consumer failed
    on, and another one for what SNS could not deliver. Delivery is at least once; order is kept only with ``fifo``::

        orders = SnsSqsFanout(stack, "Orders", alarm_topic=operators)
        orders.add_subscriber("Archive", consumer=QueueConsumer(order_archive(stack)))
        orders.add_subscriber("FraudCheck", filter_policy={"total": [{"numeric": [">=", 1000]}]}, filter_on="body")
        orders.grant_publish(shop)
    """

    topic: sns.ITopic
    """The topic to publish to."""
    encryption_key: "kms.IKey | None"
    """The key of topic and queues. None for an existing topic whose key is not known: the queues then have a key of
    SQS."""
    alarm_topic: sns.ITopic | None
    """Receives the alarms."""

    @elsewhere(
        topic="Make the fan-out in the topic's Region, and use add_remote_subscriber for queues of the other one"
    )
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
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Create the fan-out.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            topic: An existing topic of the same Region. What its policy has to allow is added when it is defined in
                this app; an imported one must allow its publishers itself. Default: a new, encrypted, TLS-only topic.
            fifo: Whether messages of a group stay in order, and duplicates within five minutes are dropped; makes
                topic and queues FIFO. Default: standard.
                Limits: 100 subscriptions, 300 messages a second and queue without batching
                (https://docs.aws.amazon.com/general/latest/gr/sns.html).
            content_based_deduplication: FIFO only: equal bodies are duplicates. Default: equal
                ``MessageDeduplicationId`` are, and publishers must send one.
            encryption_key: A customer-managed key for topic and queues, or the one that an existing topic is encrypted
                with. The policy of a key imported by ARN is not changed: it must let ``sns.amazonaws.com`` use it, and
                each service that is granted to publish. Default: the existing topic's, if it is known; otherwise a new
                key, rotated yearly.
            alarm_topic: Receives the alarms of all subscribers in this Region; not this fan-out's own topic. Default:
                no alarms.
            removal_policy: What happens to the key that is created here when the stack is deleted. Default: kept.

        Raises:
            InvalidOptionError: for options that contradict each other, or topics of another Region.
        """
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
        if alarm_topic is not None and topic is alarm_topic:
            fix = "Give another topic: an alarm about lost messages would be lost with them"
            raise InvalidOptionError(self, "alarm_topic", "is this fan-out's own topic", fix)
        self.alarm_topic = alarm_topic
        if topic is not None:
            self.topic = topic
            self._fifo = topic.fifo
            self.encryption_key = encryption_key or topic.master_key
        else:
            self.encryption_key = encryption_key or add_key(
                self,
                "EncryptionKey",
                description=f"Encrypts the topic and the queues of {path_of(self)}",
                removal_policy=removal_policy,
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
        self._quotas = TopicQuotas(fifo=self._fifo)
        if self.encryption_key is not None:
            let_sns_use_key(self, self.encryption_key, region_of(stack_of(self)))
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
            filter_policy: Which messages to take, in the JSON form of the SNS guide; at most 5 keys and 150
                combinations of values
                (https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html). Default: all.
            filter_on: Whether the policy looks at message ``attributes`` or at fields of a JSON ``body``.
            raw_message_delivery: Whether the queue's messages are the published bodies (at most ten message
                attributes; more go to the subscription's dead-letter queue) or SNS envelopes around them.
            encryption_key: A customer-managed key for the subscriber's queues. Default: this fan-out's.
            alarm_topic: Receives the alarms of this subscriber. Default: this fan-out's.

        Raises:
            InvalidOptionError: for values that SNS or SQS would refuse, and for an alarm topic of another Region.
        """
        options = self._check_subscriber(construct_id, consumer, filter_policy, filter_on, raw_message_delivery)
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
        """Give a subscriber in another construct, stack or **Region** a queue of its own there.

        In another Region queue and topic get names made from their paths, so that neither stack waits for the other:
        the first such subscriber replaces a topic that is already deployed. The subscription and its dead-letter queue
        stay in the topic's Region, as SNS requires.

        Args:
            scope: Where queue, dead-letter queue and event source mapping are created.
            construct_id: Id inside ``scope``, and in another Region also inside this fan-out.
            consumer: As for ``add_subscriber``; the function is of the Region of ``scope``.
            filter_policy: As for ``add_subscriber``.
            filter_on: As for ``add_subscriber``.
            raw_message_delivery: As for ``add_subscriber``.
            encryption_key: A customer-managed key of the Region of ``scope``. Default: this fan-out's; in another
                Region a key of SQS.
            alarm_topic: Receives the alarms of this subscriber in the Region of ``scope``. Default: this fan-out's.
                Required in another Region when this fan-out has one: an alarm notifies only topics of its own Region.

        Raises:
            InvalidOptionError: for values that SNS or SQS would refuse, for another account, and for stacks whose
                Regions are not known at synthesis.
        """
        other_region = is_other_region(self, scope)
        options = self._check_subscriber(construct_id, consumer, filter_policy, filter_on, raw_message_delivery)
        if other_region:
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
                ``?`` match. Default: any of this account.

        Raises:
            InvalidOptionError: when ``source_arn`` cannot be checked, or a service is granted to an imported topic,
                whose policy can only be changed where it is defined.
        """
        return grant_publish(self, grantee, self.topic, self.encryption_key, source_arn)

    def metric_published(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Messages published to the topic, per minute by default."""
        return self.topic.metric_number_of_messages_published(period=period or minute(), statistic="sum")

    def metric_failed(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Deliveries that SNS gave up, of all subscribers, per minute by default."""
        return self.topic.metric_number_of_notifications_failed(period=period or minute(), statistic="sum")

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this fan-out and of the subscribers inside it, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def _check_subscriber(
        self,
        construct_id: str,
        consumer: QueueConsumer | None,
        filter_policy: FilterPolicy | None,
        filter_on: FilterOn,
        raw_message_delivery: bool,
    ) -> SubscriberOptions:
        path = f"{path_of(self)}/{construct_id}"
        options = SubscriberOptions(
            path,
            fifo=self._fifo,
            consumer=consumer,
            filter_policy=filter_policy,
            filter_on=filter_on,
            raw_message_delivery=raw_message_delivery,
        )
        self._quotas.count(path, filtered=filter_policy is not None)
        return options
