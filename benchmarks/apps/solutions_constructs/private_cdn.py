"""Files of a private bucket, through CloudFront; nobody needs a signature."""

from aws_cdk import Stack
from aws_cdk import aws_sns as sns
from aws_solutions_constructs.aws_cloudfront_s3 import CloudFrontToS3


def build(stack: Stack, name: str, operators: sns.ITopic) -> None:  # noqa: ARG001 - it has no alarms
    """Add the distribution."""
    CloudFrontToS3(stack, name)
