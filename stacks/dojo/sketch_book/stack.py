"""Board D8, Sketch Book!!: the Region in Asia, whose servers have all of their data in North America."""

from aws_cdk import Environment, Stack
from constructs import Construct

from cdp_constructs import ServiceNetwork
from cdp_constructs.core.validation import InvalidOptionError
from stacks.dojo.config import KEY, DojoConfiguration
from stacks.dojo.parts import add_alarm_topic, add_outputs, chat_container
from stacks.dojo.regions import HealthStack, add_nearest_front
from stacks.dojo.servers import add_servers, outputs_of_servers
from stacks.dojo.sketch_book.america import AMERICA, BOARD, SketchBookAmericaStack

__all__ = ["SketchBookStack"]


class SketchBookStack(Stack):
    """The nearest Region answers; whatever it reads and writes crosses the Pacific.

    Args:
        scope: The app or stage.
        construct_id: The stack's name; the others have the same with ``America`` and ``Health``.
        env: Where the other servers run.
        configuration: What the operator decides.

    Raises:
        InvalidOptionError: when the Region is the one of North America.
    """

    america: SketchBookAmericaStack
    """North America."""
    health: HealthStack
    """Alarms of the health checks."""

    def __init__(
        self, scope: Construct, construct_id: str, *, env: Environment, configuration: DojoConfiguration
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Sketch Book!!: servers next to people in Asia")
        if configuration.region == AMERICA:
            fix = "Name another Region, or leave sketch_book out of dojo.boards"
            raise InvalidOptionError(KEY, "region", f"is {AMERICA}, where Sketch Book!! has its data", fix)
        alarm_topic = add_alarm_topic(self, configuration)
        self.america = SketchBookAmericaStack(
            scope,
            f"{construct_id}America",
            env=Environment(account=env.account, region=AMERICA),
            configuration=configuration,
            far_region=configuration.region,
        )
        # Endpoints lead to services of the same Region; North America is reached over the internet.
        network = ServiceNetwork(self, "Network", nat_gateways=True, alarm_topic=alarm_topic)
        front, routing = add_nearest_front(self, configuration, BOARD, network, alarm_topic)
        name = configuration.domain_name(BOARD)
        container = chat_container(
            {**self.america.settings_elsewhere, "base_url": f"https://{name}"},
            secrets={"session_key": self.america.session_key_in(self)},
        )
        servers = add_servers(self, container, front=front, network=network, alarm_topic=alarm_topic, most=6)
        self.america.allow_elsewhere(servers.task_role, self)
        add_outputs(
            self,
            **outputs_of_servers(name, front, servers),
            HealthCheckId=routing.health_check.health_check_id,
        )
        self.health = HealthStack(
            scope,
            f"{construct_id}Health",
            env=env,
            configuration=configuration,
            description="Sketch Book!!: alarms of its health checks",
            routings=[self.america.routing, routing],
        )
