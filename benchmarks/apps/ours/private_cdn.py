"""Files of a private bucket, through CloudFront, for those who have a signature."""

from aws_cdk import Stack
from aws_cdk import aws_sns as sns

from cdp_constructs import PrivateCacheDistribution


def build(stack: Stack, name: str, operators: sns.ITopic) -> None:
    """Add the distribution."""
    PrivateCacheDistribution(stack, name, alarm_topic=operators)
