"""The mobile backend: what answers in its Region, and what is in front of it everywhere."""

from aws_cdk import Environment
from constructs import Construct

from cdp_constructs.operations.placeholders import refuse_placeholders
from stacks.mobile.backend_stack import BackendStack
from stacks.mobile.config import ConfigurationError, MobileConfiguration
from stacks.mobile.front_stack import FrontStack
from stacks.mobile.pictures import PILLOW_LAYER

__all__ = ["ConfigurationError", "add_to"]


def add_to(scope: Construct, context: object, *, name: str = "Mobile") -> tuple[BackendStack, FrontStack]:
    """Add the stacks to an app or a stage.

    Args:
        scope: The app or stage.
        context: Value of the context key ``mobile``; None for the defaults.
        name: Prefix of the stacks' names.

    Returns:
        What answers, and what is in front of it.

    Raises:
        ConfigurationError: when the context cannot be used, or the layer is not built.
    """
    if not (PILLOW_LAYER / "python").is_dir():
        message = f"a layer of the functions is not built ({PILLOW_LAYER} has no folder python). Run: make install"
        raise ConfigurationError(message)
    configuration = MobileConfiguration.from_context(context)
    backend = BackendStack(
        scope, f"{name}Backend", env=Environment(region=configuration.region), configuration=configuration
    )
    front = FrontStack(scope, f"{name}Front", configuration=configuration, backend=backend)
    refuse_placeholders([backend, front], configuration.placeholders)
    return backend, front
