"""The boards of the dojo: a stack for each that the configuration names."""

from importlib import import_module

from aws_cdk import Environment, Stack
from constructs import Construct

from cdp_constructs.operations.placeholders import refuse_placeholders
from stacks.dojo.config import BOARDS, ConfigurationError, DojoConfiguration

__all__ = ["ConfigurationError", "add_to"]


def add_to(scope: Construct, context: object, *, name: str = "") -> dict[str, Stack]:
    """Add the boards' stacks to an app or a stage.

    Args:
        scope: The app or stage.
        context: Value of the context key ``dojo``; None for the defaults.
        name: Prefix of the stacks' names.

    Returns:
        The stacks by the name of their board.

    Raises:
        ConfigurationError: when the context cannot be used.
    """
    configuration = DojoConfiguration.from_context(context)
    environment = Environment(region=configuration.region)
    boards: dict[str, Stack] = {}
    for board in configuration.boards:
        # Only what is asked for is imported: a board brings its own services of AWS.
        made = getattr(import_module(f"stacks.dojo.{board}.stack"), f"{BOARDS[board]}Stack")
        boards[board] = made(scope, f"{name}{BOARDS[board]}", env=environment, configuration=configuration)
    for stack in boards.values():
        # A board may have a stack in another Region beside its own.
        others = [
            one
            for one in scope.node.children
            if isinstance(one, Stack) and (stack in one.dependencies or one in stack.dependencies)
        ]
        refuse_placeholders([stack, *others], configuration.placeholders)
    return boards
