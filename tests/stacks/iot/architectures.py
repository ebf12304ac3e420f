"""The IoT system as the tests deploy and judge it; one synthesis serves them all."""

from aws_cdk import App

from cdp_constructs.testing import architecture
from stacks.iot import system
from stacks.iot.iot_stack import IotStack


@architecture
def as_configured(app: App) -> IotStack:
    """The system as cdk.json configures it."""
    return system.add_to(app, app.node.try_get_context("iot"))
