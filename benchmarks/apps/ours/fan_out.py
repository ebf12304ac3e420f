"""A fan-out to two queues."""

from aws_cdk import Stack
from aws_cdk import aws_sns as sns

from cdp_constructs import SnsSqsFanout


def build(stack: Stack, name: str, operators: sns.ITopic) -> None:
    """Add the fan-out."""
    fanout = SnsSqsFanout(stack, name, alarm_topic=operators)
    for subscriber in ("Billing", "Archive"):
        fanout.add_subscriber(subscriber, filter_policy={"kind": ["order"]})
