"""The chat as a whole: what is global, each Region, the web client, and the alarms of the routing."""

from aws_cdk import Annotations, Environment, Stack
from constructs import Construct

from cdp_constructs.operations.placeholders import refuse_placeholders
from stacks.chat import edge_stack, routing_alarms_stack
from stacks.chat.attachments import PILLOW_LAYER
from stacks.chat.config import ChatConfiguration, ConfigurationError
from stacks.chat.edge_stack import EdgeStack
from stacks.chat.global_stack import GlobalStack
from stacks.chat.notices import WEB_PUSH_LAYER
from stacks.chat.placeholders import placeholders_of
from stacks.chat.regional_stack import RegionalStack
from stacks.chat.routing_alarms_stack import RoutingAlarmsStack
from stacks.chat.web_stack import WebCopyStack, WebStack

__all__ = ["ConfigurationError", "add_to"]


def add_to(scope: Construct, context: object, *, name: str = "Chat") -> dict[str, RegionalStack]:
    """Add the chat's stacks to an app or a stage.

    Args:
        scope: The app or stage.
        context: Value of the context key ``chat``; None for the defaults.
        name: Prefix of the stacks' names; two chats in one account need different ones.

    Returns:
        The regional stacks by Region.

    Raises:
        ConfigurationError: when the context cannot be used, or the layers or the web client are not built.
    """
    _check_layers()
    configuration = ChatConfiguration.from_context(context)
    shared = GlobalStack(
        scope, f"{name}Global", env=Environment(region=configuration.home_region), configuration=configuration
    )
    _say_where_push_is_off(shared, configuration)
    regions = {
        region: RegionalStack(
            scope, f"{name}-{region}", env=Environment(region=region), configuration=configuration, shared=shared
        )
        for region in configuration.regions
    }
    for stack in regions.values():
        stack.connect(regions)
    # The site has a second home where there is a second Region.
    copy = None
    stacks: list[Stack] = [shared, *regions.values()]
    if len(configuration.regions) > 1:
        copy = WebCopyStack(scope, f"{name}WebCopy", env=Environment(region=configuration.regions[1]))
        stacks.append(copy)
    edge = None
    if configuration.needs_edge:
        edge = EdgeStack(scope, f"{name}Edge", env=Environment(region=edge_stack.REGION), configuration=configuration)
        stacks.append(edge)
    web = WebStack(
        scope,
        f"{name}Web",
        env=Environment(region=configuration.home_region),
        configuration=configuration,
        shared=shared,
        regions=regions,
        copy=copy,
        edge=edge,
    )
    stacks.append(web)
    if configuration.latency_routing:
        alarms = RoutingAlarmsStack(
            scope,
            f"{name}RoutingAlarms",
            env=Environment(region=routing_alarms_stack.REGION),
            configuration=configuration,
            regions=regions,
        )
        stacks.append(alarms)
    refuse_placeholders(stacks, placeholders_of(configuration))
    return regions


def _check_layers() -> None:
    """Refuse a clone in which ``make install`` has not run, or not to its end."""
    for layer in (PILLOW_LAYER, WEB_PUSH_LAYER):
        if not (layer / "python").is_dir():
            message = f"a layer of the chat's functions is not built ({layer} has no folder python). Run: make install"
            raise ConfigurationError(message)


def _say_where_push_is_off(shared: GlobalStack, configuration: ChatConfiguration) -> None:
    """Say it in one line: only somebody with an account at Apple or Firebase can make a platform application."""
    given = configuration.notices.platform_applications if configuration.notices else {}
    off = [region for region in configuration.regions if not given.get(region)]
    if off:
        Annotations.of(shared).add_info(
            f"Push to mobile devices is off in {', '.join(off)}. To switch it on, name the ARNs of SNS platform "
            "applications there in notices.platform_applications of the context key 'chat'."
        )
