"""Fanout: one message, and a queue of its own for everybody who wants it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.keys import add_key
from cdp_constructs.core.paths import path_of, region_of, stack_of
from cdp_constructs.core.periods import minute
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue, metric_oldest_message
from cdp_constructs.core.validation import InvalidOptionError, check_exclusive
from cdp_constructs.messaging._consumers import check_consumer, visibility_timeout_for
from cdp_constructs.messaging._filter_policy import FilterOn, FilterPolicy, filter_options
from cdp_constructs.messaging._publishing import grant_publish, let_sns_use_key, sns_service
from cdp_constructs.messaging._regions import check_region, is_other_region, physical_name

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sqs as sqs

__all__ = ["FanoutSubscriber", "SnsSqsFanout"]

_SNS_QUOTAS = "https://docs.aws.amazon.com/general/latest/gr/sns.html"
_MOST_FILTER_POLICIES = 200
_MOST_FIFO_SUBSCRIPTIONS = 100


@dataclass(frozen=True)
class FanoutSubscriber:
    """What ``SnsSqsFanout.add_subscriber`` made for one consumer."""

    queue: "sqs.Queue"
    """Receives the messages that match."""
    dead_letter_queue: "sqs.Queue"
    """Keeps what the consumer failed on; ``StartMessageMoveTask`` puts it back into ``queue``."""
    subscription: sns.Subscription
    """Connects the topic with ``queue``."""
    subscription_dead_letter_queue: "sqs.Queue"
    """Keeps what SNS could not put into ``queue``; it is in the topic's Region."""

    def metric_oldest_message(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Age in seconds of the oldest message that waits: how far the consumer is behind. Per minute by default."""
        return metric_oldest_message(self.queue, period=period)

    def metric_failed(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Messages that the consumer failed on and that wait in the dead-letter queue. Per minute by default."""
        return self.dead_letter_queue.metric_approximate_number_of_messages_visible(
            period=period or minute(), statistic="max"
        )


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
        self._alarm_topic = alarm_topic
        self._filter_policies = 0
        self._subscriptions = 0
        self.topic: sns.ITopic
        self.encryption_key: kms.IKey | None
        self._made_topic: sns.Topic | None = None
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
            self.topic = self._made_topic = sns.Topic(
                self,
                "Topic",
                fifo=fifo,
                content_based_deduplication=content_based_deduplication,
                master_key=self.encryption_key,
                enforce_ssl=True,
            )
            self._fifo = bool(fifo)
        region = region_of(stack_of(self))
        fix = "Make the fan-out in the topic's Region and give add_subscriber a scope in the other one"
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
        handler: "lambda_.IFunction | None" = None,
        filter_policy: FilterPolicy | None = None,
        filter_on: FilterOn = "attributes",
        raw_message_delivery: bool = True,
        max_receive_count: int = 5,
        visibility_timeout: Duration | None = None,
        batch_size: int = 10,
        batching_window: Duration | None = None,
        max_concurrency: int = 10,
        scope: Construct | None = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: sns.ITopic | None = None,
    ) -> FanoutSubscriber:
        """Give a consumer a queue of its own.

        Args:
            construct_id: Id inside this fan-out (and inside ``scope``).
            handler: Works on the queue in batches and returns ``batchItemFailures``; only those are delivered again.
                By default nobody does: poll the queue yourself.
            filter_policy: Which messages to take, in the JSON form of the SNS guide; by default all.
            filter_on: Whether the policy looks at message attributes or at fields of a JSON body.
            raw_message_delivery: Whether the queue's messages are the published bodies (at most ten message
                attributes; more go to the subscription's dead-letter queue) or SNS envelopes around them.
            max_receive_count: Deliveries before a message counts as failed, 1 to 1,000. Below 5 a throttled function
                can lose messages to the dead-letter queue without having seen them.
            visibility_timeout: How long a received message stays hidden, up to 12 hours. By default six times the
                handler's timeout and ``batching_window`` on top, which is also the least; 30 seconds without a handler.
                Required for a handler whose timeout is not known, such as an imported function.
            batch_size: Most messages per call of the handler, 1 to 10,000; above 10 needs ``batching_window``. FIFO
                takes at most 10.
            batching_window: How long to wait for a full batch, up to 5 minutes; not for FIFO. By default no wait.
            max_concurrency: Most batches worked on at a time, 2 to 1,000.
            scope: Where queue, dead-letter queue and handler live; by default here. In a stack of **another Region**
                they get names made from their path, so that both Regions know each other without waiting for each
                other, and so does the topic: the first such subscriber replaces a topic that is already deployed.
                The subscription and its dead-letter queue stay in the topic's Region, as SNS requires.
            encryption_key: A key of the queue's Region; by default this fan-out's, and in another Region one of SQS.
            alarm_topic: Receives the alarms of this subscriber, in another Region only those that are there; by default
                this fan-out's. Required in another Region when this fan-out has one, because an alarm notifies only
                topics of its own Region.

        Raises:
            InvalidOptionError: for values that SNS, SQS or Lambda would refuse, and for what cannot work in another
                Region or account.
        """
        remote = is_other_region(self, scope)
        path = f"{path_of(self)}/{construct_id}"
        visibility = visibility_timeout_for(path, handler, visibility_timeout, batching_window=batching_window)
        check_consumer(
            path,
            fifo=self._fifo,
            max_receive_count=max_receive_count,
            batch_size=batch_size,
            batching_window=batching_window,
            max_concurrency=max_concurrency,
        )
        filters = filter_options(path, filter_policy, filter_on)
        self._count(path, filtered=filter_policy is not None)

        key = encryption_key or (None if remote else self.encryption_key)
        alarms = alarm_topic or (None if remote else self._alarm_topic)
        here, there = region_of(stack_of(self)), region_of(stack_of(scope or self))
        # This fan-out's own was checked when the fan-out was made.
        check_region(path, "alarm_topic", alarm_topic, there, f"Give one of {there}")
        if remote and alarms is None and self._alarm_topic is not None:
            problem = f"of the fan-out is in {here}, out of reach of alarms of {there}"
            raise InvalidOptionError(path, "alarm_topic", problem, f"Give add_subscriber an alarm_topic of {there}")

        owner = Construct(scope or self, construct_id)
        delivery = Construct(self, construct_id) if remote else owner
        dead_letter_queue = add_dead_letter_queue(
            owner,
            "DeadLetterQueue",
            alarm_topic=alarms,
            holds="messages that the consumer failed on",
            fifo=self._fifo,
            encryption_key=key,
        )
        queue = add_work_queue(
            owner,
            "Queue",
            dead_letter_queue=dead_letter_queue,
            visibility_timeout=visibility,
            max_receive_count=max_receive_count,
            fifo=self._fifo,
            encryption_key=key,
            queue_name=physical_name(owner, fifo=self._fifo) if remote else None,
        )
        subscription_dead_letter_queue = add_dead_letter_queue(
            delivery,
            "SubscriptionDeadLetterQueue",
            alarm_topic=self._alarm_topic if remote else alarms,
            holds="messages that SNS could not deliver",
            fifo=self._fifo,
            encryption_key=self.encryption_key,
        )
        if key is not None and key is not self.encryption_key:
            let_sns_use_key(owner, key, here)
        topic_arn = self._topic_arn_in_other_region() if remote else self.topic.topic_arn
        queue_arn = queue.queue_arn
        grant = iam.Grant.add_to_principal_or_resource(
            actions=["sqs:SendMessage"],
            grantee=sns_service(here, there).with_conditions({"ArnEquals": {"aws:SourceArn": topic_arn}}),
            resource_arns=[queue_arn],
            resource=queue,
        )
        subscription = sns.Subscription(
            delivery,
            "Subscription",
            topic=self.topic,
            protocol=sns.SubscriptionProtocol.SQS,
            endpoint=queue_arn,
            raw_message_delivery=raw_message_delivery,
            dead_letter_queue=subscription_dead_letter_queue,
            **filters,
        )
        if not remote:
            grant.apply_before(subscription)
        if handler is not None:
            # Imported here: aws_lambda imports aws_ec2, and whoever has a handler has paid for both already.
            from cdp_constructs.core.functions import consume_queue

            consume_queue(
                owner,
                "Consumer",
                handler,
                queue,
                batch_size=batch_size,
                batching_window=batching_window,
                max_concurrency=max_concurrency,
            )
        return FanoutSubscriber(queue, dead_letter_queue, subscription, subscription_dead_letter_queue)

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

    def _topic_arn_in_other_region(self) -> str:
        if self._made_topic is None:
            return self.topic.topic_arn
        # A template knows nothing of the other Region's, so the topic needs a name that both can write down.
        resource: sns.CfnTopic = self._made_topic.node.default_child  # type: ignore[assignment]  # its only L1
        if Token.is_unresolved(resource.topic_name):
            resource.topic_name = physical_name(self._made_topic, fifo=False)
        return stack_of(self).format_arn(service="sns", resource=str(resource.topic_name))
