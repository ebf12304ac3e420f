"""The price lists: one stack."""

from aws_cdk import Environment, Stack
from constructs import Construct

from cdp_constructs.operations.placeholders import refuse_placeholders
from stacks.serverless.config import ConfigurationError, ServerlessConfiguration
from stacks.serverless.price_list_stack import PriceListStack

__all__ = ["ConfigurationError", "add_to"]


def add_to(scope: Construct, context: object, *, name: str = "Serverless") -> dict[str, Stack]:
    """Add the stack to an app or a stage.

    Args:
        scope: The app or stage.
        context: Value of the context key ``serverless``; None for the defaults.
        name: The stack's name.

    Returns:
        The stack, as ``price_lists``.

    Raises:
        ConfigurationError: when the context cannot be used.
    """
    configuration = ServerlessConfiguration.from_context(context)
    env = Environment(region=configuration.region)
    stacks: dict[str, Stack] = {
        "price_lists": PriceListStack(scope, name, env=env, configuration=configuration),
    }
    refuse_placeholders(list(stacks.values()), configuration.placeholders)
    return stacks
