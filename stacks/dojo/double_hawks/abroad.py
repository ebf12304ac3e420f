"""Board D1, Double Hawks: a Region that reads its own replica, and writes to the one where rooms are numbered."""

from aws_cdk import Environment, Stack
from constructs import Construct

from stacks.dojo.config import DojoConfiguration
from stacks.dojo.double_hawks.place import BOARD, Place, add_place
from stacks.dojo.double_hawks.shared import SharedParts
from stacks.dojo.parts import add_outputs, chat_container
from stacks.dojo.regions import replica_of_key
from stacks.dojo.servers import add_servers, outputs_of_servers

__all__ = ["DoubleHawksAbroadStack"]


class DoubleHawksAbroadStack(Stack):
    """Servers that answer those who are nearest to them.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: The Region.
        configuration: What the operator decides.
        cidr: The address range of its network.
        shared: What is in the first Region.
    """

    place: Place
    """Network, entry and monitors."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        env: Environment,
        configuration: DojoConfiguration,
        cidr: str,
        shared: SharedParts,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Double Hawks: servers and a replica of the table")
        self.place = place = add_place(self, configuration, cidr=cidr)
        name = configuration.domain_name(BOARD)
        container = chat_container(
            {**shared.settings_in(self.region), "base_url": f"https://{name}"},
            secrets={"session_key": replica_of_key(self, shared.session_key)},
        )
        servers = add_servers(
            self, container, front=place.front, network=place.network, alarm_topic=place.alarm_topic, most=6
        )
        shared.allow(servers.task_role, self)
        add_outputs(
            self,
            **outputs_of_servers(name, place.front, servers),
            HealthCheckId=place.routing.health_check.health_check_id,
        )
