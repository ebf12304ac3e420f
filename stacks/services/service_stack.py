"""One service: its table with outbox, the function that receives events of others, and what callers may ask of it."""

from dataclasses import dataclass, field

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from cdp_constructs import FanoutSubscriber, QueueConsumer, TransactionalOutbox
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.periods import seconds
from cdp_constructs.core.runbooks import use_runbooks
from stacks.services import HANDLERS, RUNBOOKS
from stacks.services.events_stack import EventsStack

__all__ = ["SERVICES", "Command", "Service", "ServiceStack"]


@dataclass(frozen=True)
class Command:
    """A function that callers invoke."""

    handler: str
    description: str


@dataclass(frozen=True)
class Service:
    """What a service is made of.

    Attributes:
        partitions: What its partition keys begin with.
        receives: By the service that publishes them, the types of events that it reacts to.
        command: What callers may ask of it.
    """

    partitions: tuple[str, ...]
    receives: dict[str, tuple[str, ...]] = field(default_factory=dict)
    command: Command | None = None


SERVICES = {
    "orders": Service(
        ("ORDER",),
        {
            "billing": ("billing.payment-refused.v1", "billing.payment-refunded.v1"),
            "shipping": ("shipping.shipment-prepared.v1",),
        },
        Command("place_orders", "Takes orders"),
    ),
    "billing": Service(
        ("PAYMENT",),
        {"orders": ("orders.order-placed.v1",), "shipping": ("shipping.shipment-refused.v1",)},
    ),
    "shipping": Service(
        ("SHIPMENT", "STOCK"),
        {"billing": ("billing.payment-captured.v1",)},
        Command("restock", "Notes what arrived in the warehouse"),
    ),
}


class ServiceStack(Stack):
    """A service, which is deployed by itself: it knows the topics and no other service.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: Where it runs.
        name: The service.
        events: The topics.

    Attributes:
        outbox: Its table, and the publisher of its events.
        subscribers: By the service that publishes them, the queues of what it receives.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, env: Environment, name: str, events: EventsStack
    ) -> None:
        super().__init__(scope, construct_id, env=env, description=f"Services: {name}")
        use_runbooks(self, RUNBOOKS)
        service, alarm_topic = SERVICES[name], events.alarms.topic
        self.outbox = TransactionalOutbox(self, "Outbox", fanout=events.fanouts[name], alarm_topic=alarm_topic)
        function = add_function(
            self,
            "Function",
            handler=HANDLERS / name,
            shares=["contracts"],
            description=f"Reacts to what other services did: {name}",
            invocation=Invocation.EVENT_SOURCE,
            correlates=True,
            # A batch is ten transactions. A function that is killed keeps its messages six times as long.
            timeout=seconds(10),
        )
        self.outbox.share_with(function, partitions=service.partitions)
        self.subscribers: dict[str, FanoutSubscriber] = {}
        for publisher, types in service.receives.items():
            self.subscribers[publisher] = events.fanouts[publisher].add_remote_subscriber(
                self,
                f"Of{publisher.capitalize()}",
                consumer=QueueConsumer(function),
                filter_policy={"type": list(types)},
                alarm_topic=alarm_topic,
            )
        CfnOutput(self, "TableName", value=self.outbox.table.table_name)
        if service.command is not None:
            command = add_function(
                self,
                "Command",
                handler=HANDLERS / service.command.handler,
                shares=["contracts"],
                description=service.command.description,
                invocation=Invocation.REQUEST,
                correlates=True,
                timeout=seconds(30),
            )
            self.outbox.share_with(command, partitions=service.partitions)
            CfnOutput(self, "CommandName", value=command.function_name)
