"""Customers are notified in their browsers, too, also when no page of the shop is open."""

from aws_cdk import Stack
from aws_cdk import aws_ses as ses

from cdp_constructs import Notifications, WebPush


def build(stack: Stack) -> Notifications:
    """Add notifications by mail and Web Push to a stack."""
    # Filled before: pip install --no-deps --target build/layers/web-push/python http-ece
    layer = WebPush.layer_from_folder(stack, "WebPushLayer", "build/layers/web-push")
    return Notifications(
        stack,
        "Notifications",
        identity=ses.EmailIdentity.from_email_identity_name(stack, "Domain", "example.com"),
        sender="Shop <notices@example.com>",
        unsubscribe_url="https://api.example.com/unsubscribe",
        web_push=WebPush(layer, contact="mailto:operators@example.com"),
    )
