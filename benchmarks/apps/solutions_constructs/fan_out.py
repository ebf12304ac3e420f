"""A fan-out to two queues."""

from aws_cdk import Stack
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_solutions_constructs.aws_sns_sqs import SnsToSqs

_ORDERS = subscriptions.SqsSubscriptionProps(
    raw_message_delivery=True, filter_policy={"kind": sns.SubscriptionFilter.string_filter(allowlist=["order"])}
)


def build(stack: Stack, name: str, operators: sns.ITopic) -> None:  # noqa: ARG001 - it has no alarms
    """Add the fan-out."""
    first = SnsToSqs(stack, f"{name}Billing", sqs_subscription_props=_ORDERS)
    SnsToSqs(
        stack,
        f"{name}Archive",
        sqs_subscription_props=_ORDERS,
        existing_topic_obj=first.sns_topic,
        existing_topic_encryption_key=first.topic_encryption_key,
    )
