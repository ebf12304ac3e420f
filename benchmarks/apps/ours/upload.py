"""Users upload pictures straight to S3; who wants to know of those that passed a check subscribes to a topic."""

from aws_cdk import Stack
from aws_cdk import aws_sns as sns

from cdp_constructs import DirectObjectUpload


def build(stack: Stack, name: str, operators: sns.ITopic) -> None:
    """Add the upload."""
    DirectObjectUpload(
        stack,
        name,
        content_types=["image/jpeg"],
        max_size_mb=10,
        allowed_origins=["https://www.example.com"],
        alarm_topic=operators,
    )
