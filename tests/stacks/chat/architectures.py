"""The chat as the tests deploy and judge it; one synthesis serves them all."""

from aws_cdk import App

from cdp_constructs import PUSH_SERVICES
from cdp_constructs.testing import architecture
from stacks.chat import system
from stacks.chat.regional_stack import RegionalStack

ORIGIN = "https://chat.example.com"
FCM = "arn:aws:sns:us-west-2:000000000000:app/GCM/chat"
NOTICES = {
    "identity": "example.com",
    "sender": "Chat <notices@example.com>",
    "platform_applications": {"us-west-2": {"fcm": FCM}},
    # That of the embedded cloud beside those of browsers.
    "push_services": [*PUSH_SERVICES, "localhost"],
}


@architecture
def two_regions(app: App) -> dict[str, RegionalStack]:
    """The chat as cdk.json configures it, with push in one Region."""
    return system.add_to(app, {**app.node.try_get_context("chat"), "notices": NOTICES})
