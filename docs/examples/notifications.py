"""Customers are notified of what happens to their orders: by mail, and by push on their phones."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns

from cdp_constructs import Notifications

PUSH = {"fcm": "arn:aws:sns:us-east-1:111122223333:app/GCM/shop"}


def build(stack: Stack) -> Notifications:
    """Add the shop's notifications, and the function with which customers choose, to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    operators.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))

    notifications = Notifications(
        stack,
        "Notifications",
        identity=ses.EmailIdentity.from_email_identity_name(stack, "Domain", "example.com"),
        sender="Shop <notices@example.com>",
        unsubscribe_url="https://api.example.com/unsubscribe",
        platform_applications=PUSH,
        alarm_topic=operators,
    )
    notifications.grant_notify(iam.Role(stack, "Shop", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")))
    settings = lambda_.Function(
        stack,
        "Settings",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(Path(__file__).parent / "notice_settings")),
        tracing=lambda_.Tracing.ACTIVE,
    )
    notifications.share_with(settings)
    return notifications
