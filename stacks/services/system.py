"""The services: a stack for their topics, one for each of them, and one for copies in another Region."""

from aws_cdk import Environment, Stack
from constructs import Construct

from cdp_constructs.operations.placeholders import refuse_placeholders
from stacks.services.config import ConfigurationError, ServicesConfiguration
from stacks.services.events_stack import CopyStack, EventsStack
from stacks.services.service_stack import SERVICES, ServiceStack

__all__ = ["ConfigurationError", "add_to"]


def add_to(scope: Construct, context: object, *, name: str = "Services") -> dict[str, Stack]:
    """Add the stacks to an app or a stage.

    Args:
        scope: The app or stage.
        context: Value of the context key ``services``; None for the defaults.
        name: Prefix of the stacks' names.

    Returns:
        The stacks: ``events``, the services by their names, and ``copies`` where there are any.

    Raises:
        ConfigurationError: when the context cannot be used.
    """
    configuration = ServicesConfiguration.from_context(context)
    env = Environment(region=configuration.region)
    events = EventsStack(scope, f"{name}Events", env=env, configuration=configuration, services=list(SERVICES))
    stacks: dict[str, Stack] = {"events": events}
    for service in SERVICES:
        stacks[service] = ServiceStack(scope, f"{name}{service.capitalize()}", env=env, name=service, events=events)
    if configuration.copy_region is not None:
        stacks["copies"] = CopyStack(
            scope,
            f"{name}Copies",
            env=Environment(region=configuration.copy_region),
            configuration=configuration,
            events=events,
        )
    refuse_placeholders(list(stacks.values()), configuration.placeholders)
    return stacks
