"""The mobile backend as the tests judge it; one synthesis serves them all."""

from aws_cdk import App

from cdp_constructs.testing import architecture
from stacks.mobile import system
from stacks.mobile.backend_stack import BackendStack
from stacks.mobile.front_stack import FrontStack

PUSH = {"fcm": "arn:aws:sns:ap-northeast-1:000000000000:app/GCM/mobile"}


@architecture
def mobile(app: App) -> tuple[BackendStack, FrontStack]:
    """The backend, as cdk.json configures it, with push."""
    return system.add_to(app, {**app.node.try_get_context("mobile"), "notices": {"platform_applications": PUSH}})


@architecture
def without_a_name(app: App) -> tuple[BackendStack, FrontStack]:
    """The backend at the name that CloudFront gives, where nobody receives alarms."""
    context = {"region": "us-east-1", "domain_name": None, "alarm_email": None}
    return system.add_to(app, context, name="Nameless")
