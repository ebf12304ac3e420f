"""A subscriber of a fan-out in another Region: two stacks that know each other by names, not by references."""

from aws_cdk import Names, Token
from constructs import Construct, IConstruct

import cdp_constructs
from cdp_constructs.core.cdk import kms, sns
from cdp_constructs.core.paths import path_of, region_of, stack_of
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.messaging._publishing import let_sns_use_key, sns_service
from cdp_constructs.messaging._subscriptions import SubscriberOptions, allow_delivery
from cdp_constructs.messaging.fanout_subscriber import FanoutSubscriber

_LONGEST_QUEUE_NAME = 80


def is_other_region(fanout: "cdp_constructs.SnsSqsFanout", scope: Construct) -> bool:
    """Tell whether ``scope`` is in another Region than the fan-out.

    Raises:
        InvalidOptionError: when that is not known at synthesis, or the accounts differ.
    """
    here, there = stack_of(fanout), stack_of(scope)
    if here is there or (here.region == there.region and here.account == there.account):
        return False
    unknown = Token.is_unresolved(here.region) or Token.is_unresolved(there.region)
    if unknown or here.account != there.account:
        raise InvalidOptionError(
            fanout,
            "scope",
            f"is {there.node.path!r} in {there.environment}, but this fan-out is in {here.environment}",
            "Give both stacks a Region and the same account, or the same stack",
        )
    return True


def subscribe_from_other_region(
    fanout: "cdp_constructs.SnsSqsFanout",
    scope: Construct,
    construct_id: str,
    options: SubscriberOptions,
    *,
    encryption_key: "kms.IKey | None",
    alarm_topic: "sns.ITopic | None",
) -> FanoutSubscriber:
    """Add queue and consumer in ``scope``; the subscription stays with the topic, because SNS takes it only there."""
    here, there = region_of(stack_of(fanout)), region_of(stack_of(scope))
    if alarm_topic is None and fanout.alarm_topic is not None:
        raise InvalidOptionError(
            f"{path_of(fanout)}/{construct_id}",
            "alarm_topic",
            f"is missing, and that of the fan-out is in {here}, out of reach of alarms of {there}",
            f"Give add_remote_subscriber an alarm_topic of {there}",
        )
    if fanout.node.try_find_child(construct_id) is not None:
        fix = "Use another id: it is taken by a subscriber or a part of the fan-out, where the subscription is"
        raise InvalidOptionError(fanout, "construct_id", f"is {construct_id!r}", fix)
    owner, delivery = Construct(scope, construct_id), Construct(fanout, construct_id)
    queue, dead_letter_queue = options.add_queues(
        owner,
        encryption_key=encryption_key,
        alarm_topic=alarm_topic,
        queue_name=_physical_name(owner, fifo=options.fifo),
    )
    undelivered = options.add_subscription_dead_letter_queue(
        delivery, encryption_key=fanout.encryption_key, alarm_topic=fanout.alarm_topic
    )
    if encryption_key is not None:
        let_sns_use_key(owner, encryption_key, here)
    allow_delivery(queue, _topic_arn(fanout), sns_service(here, there))
    subscription = options.add_subscription(delivery, fanout.topic, queue, undelivered)
    options.consumer.bind(owner, queue)
    return FanoutSubscriber(queue, dead_letter_queue, subscription, undelivered)


def _topic_arn(fanout: "cdp_constructs.SnsSqsFanout") -> str:
    """Return the topic's ARN as text that a template of another Region can contain."""
    created = fanout.node.try_find_child("Topic")
    if created is None:
        return fanout.topic.topic_arn
    # A template knows nothing of the other Region's, so the topic needs a name that both can write down.
    resource: sns.CfnTopic = created.node.default_child  # type: ignore[assignment]  # its only L1
    if Token.is_unresolved(resource.topic_name):
        resource.topic_name = _physical_name(created, fifo=False)
    return stack_of(fanout).format_arn(service="sns", resource=str(resource.topic_name))


def _physical_name(construct: "IConstruct", *, fifo: bool) -> str:
    """Return a name for a queue or topic that only depends on the construct's path."""
    suffix = ".fifo" if fifo else ""
    return Names.unique_resource_name(construct, max_length=_LONGEST_QUEUE_NAME - len(suffix), separator="-") + suffix
