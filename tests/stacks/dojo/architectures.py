"""The boards as the tests judge them; one synthesis serves them all."""

from aws_cdk import App, Stack

from cdp_constructs.testing import architecture
from stacks.dojo import system


@architecture
def boards(app: App) -> dict[str, Stack]:
    """All boards, as cdk.json configures them."""
    return system.add_to(app, app.node.try_get_context("dojo"))
