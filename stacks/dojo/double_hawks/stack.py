"""Board D1, Double Hawks: the first of three Regions, where rooms are numbered, people sign in and days are counted."""

from aws_cdk import Environment, Stack
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from cdp_constructs import SnsSqsFanout
from cdp_constructs.core.validation import InvalidOptionError
from stacks.dojo.config import KEY, DojoConfiguration
from stacks.dojo.double_hawks.abroad import DoubleHawksAbroadStack
from stacks.dojo.double_hawks.batch import NightlyCount
from stacks.dojo.double_hawks.place import BOARD, add_place
from stacks.dojo.double_hawks.shared import SharedParts
from stacks.dojo.parts import add_outputs, add_session_secret, add_users, chat_container
from stacks.dojo.regions import HealthStack
from stacks.dojo.servers import add_servers, outputs_of, settings_of, settings_of_users
from stacks.dojo.table import ChatTable

__all__ = ["ABROAD", "DoubleHawksStack"]

_CIDR = "10.1.0.0/16"
ABROAD = {"us-east-1": ("America", "10.2.0.0/16"), "eu-central-1": ("Europe", "10.3.0.0/16")}
"""The other Regions, with the ends of their stacks' names and the address ranges of their networks."""


class DoubleHawksStack(Stack):
    """The nearest Region answers from its own replica; what is written goes to this one.

    Args:
        scope: The app or stage.
        construct_id: The stack's name; the others have the same with ``America``, ``Europe``, ``Health``, and
            ``PeeringsHome``, ``PeeringsAmerica``, ``PeeringsEurope``.
        env: The first Region.
        configuration: What the operator decides.

    Raises:
        InvalidOptionError: when the Region is one of the others.
    """

    abroad: list[DoubleHawksAbroadStack]
    """The other Regions."""
    health: HealthStack
    """Alarms of the health checks."""

    def __init__(
        self, scope: Construct, construct_id: str, *, env: Environment, configuration: DojoConfiguration
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Double Hawks: a chat in a mesh of Regions")
        if configuration.region in ABROAD:
            fix = f"Name a Region other than {' and '.join(ABROAD)}, or leave {BOARD} out of dojo.boards"
            problem = f"is {configuration.region}, where Double Hawks has servers anyway"
            raise InvalidOptionError(KEY, "region", problem, fix)
        place = add_place(self, configuration, cidr=_CIDR)
        name, alarm_topic = configuration.domain_name(BOARD), place.alarm_topic
        table = ChatTable(self, "Store", alarm_topic=alarm_topic, replica_regions=list(ABROAD))
        users = add_users(self, alarm_topic=alarm_topic)
        notices = SnsSqsFanout(self, "Notices", alarm_topic=alarm_topic)
        session_key = add_session_secret(self, replica_regions=list(ABROAD))
        shared = SharedParts(configuration.region, table, users, notices, session_key)
        container = chat_container(
            {**settings_of(table, notices, name), **settings_of_users(users)},
            secrets={"session_key": ecs.Secret.from_secrets_manager(session_key)},
        )
        servers = add_servers(
            self, container, front=place.front, network=place.network, alarm_topic=alarm_topic, most=6
        )
        table.grant(servers.task_role)
        notices.grant_publish(servers.task_role)
        counts = NightlyCount(self, "NightlyCount", table=table, cluster=servers.cluster, alarm_topic=alarm_topic)
        add_outputs(
            self,
            **outputs_of(name, place.front, servers, table, notices),
            HealthCheckId=place.routing.health_check.health_check_id,
            UserPoolId=users.user_pool.user_pool_id,
            ClientId=users.user_pool_client.user_pool_client_id,
            CountSchedule=counts.schedule.ref,
            CountQueueUrl=counts.queue.queue_url,
            CountDeadLetterQueueUrl=counts.dead_letter_queue.queue_url,
            CountBucket=counts.bucket.bucket_name,
            CountServiceName=counts.workers.service.service_name,
            MonitoringFunction=place.monitoring.function.function_name,
        )
        self.abroad = [
            DoubleHawksAbroadStack(
                scope,
                f"{construct_id}{suffix}",
                env=Environment(account=env.account, region=region),
                configuration=configuration,
                cidr=cidr,
                shared=shared,
            )
            for region, (suffix, cidr) in ABROAD.items()
        ]
        places = [place, *(one.place for one in self.abroad)]
        suffixes = ["Home", *(suffix for suffix, _ in ABROAD.values())]
        for suffix, one in zip(suffixes, places, strict=True):
            peerings = Stack(
                scope,
                f"{construct_id}Peerings{suffix}",
                env=Environment(account=env.account, region=one.mesh.region),
                description=f"Double Hawks: what joins the network of {one.mesh.region} with those of other Regions",
            )
            one.mesh.add_peerings(peerings, "Peerings", meshes=[each.mesh for each in places])
        self.health = HealthStack(
            scope,
            f"{construct_id}Health",
            env=env,
            configuration=configuration,
            description="Double Hawks: alarms of its health checks",
            routings=[one.routing for one in places],
        )
