"""The IoT system as a whole: one stack in one Region."""

from aws_cdk import Environment
from constructs import Construct

from cdp_constructs.operations.placeholders import refuse_placeholders
from stacks.iot.config import ConfigurationError, IotConfiguration
from stacks.iot.iot_stack import IotStack

__all__ = ["ConfigurationError", "add_to"]


def add_to(scope: Construct, context: object, *, name: str = "Iot") -> IotStack:
    """Add the IoT system to an app or a stage.

    Args:
        scope: The app or stage.
        context: Value of the context key ``iot``; None for the defaults.
        name: The stack's name; two systems in one account need different ones.

    Raises:
        ConfigurationError: when the context cannot be used.
    """
    configuration = IotConfiguration.from_context(context)
    stack = IotStack(scope, name, env=Environment(region=configuration.region), configuration=configuration)
    refuse_placeholders([stack], configuration.placeholders)
    return stack
