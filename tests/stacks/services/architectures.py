"""The services as the tests judge them; one synthesis serves them all."""

from aws_cdk import App, Stack

from cdp_constructs.testing import architecture
from stacks.services import system


@architecture
def choreography(app: App) -> dict[str, Stack]:
    """All services, as cdk.json configures them."""
    return system.add_to(app, app.node.try_get_context("services"))


@architecture
def without_copies(app: App) -> dict[str, Stack]:
    """The services in one Region."""
    return system.add_to(app, {"region": "us-east-1", "copy_region": None, "alarm_email": None}, name="Alone")
