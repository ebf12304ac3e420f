"""A new version of a shop's orders gets a tenth of the calls for five minutes, after a check of it."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns

from cdp_constructs import ReleasedFunction, TrafficShift

HERE = Path(__file__).parent


def build(stack: Stack) -> ReleasedFunction:
    """Add a function with releases to a stack, and a function that checks each version."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    operators.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
    release = ReleasedFunction(
        stack,
        "Release",
        function=function(stack, "Quote", folder="quote"),
        traffic=TrafficShift.canary(10),
        alarm_topic=operators,
    )
    release.attach_before_traffic_hook(function(stack, "CheckQuote", folder="check_quote"))
    return release


def function(stack: Stack, name: str, *, folder: str) -> lambda_.Function:
    """Add a function whose code is in a folder beside this file."""
    return lambda_.Function(
        stack,
        name,
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(HERE / folder)),
        tracing=lambda_.Tracing.ACTIVE,
    )
