"""The price lists as the tests judge them; one synthesis serves them all."""

from aws_cdk import App, Stack

from cdp_constructs.testing import architecture
from stacks.serverless import system


@architecture
def price_lists(app: App) -> dict[str, Stack]:
    """The price lists, as cdk.json configures them."""
    return system.add_to(app, app.node.try_get_context("serverless"))


@architecture
def without_mails(app: App) -> dict[str, Stack]:
    """The price lists of which nobody gets a mail."""
    return system.add_to(app, {"region": "us-east-1", "buyer_email": None, "alarm_email": None}, name="Quiet")
