"""Board D5, Umin Chat: servers in several zones behind CloudFront, a standby and read replicas, direct uploads."""

from aws_cdk import Environment, Stack
from constructs import Construct

from cdp_constructs import (
    DirectObjectUpload,
    ReplicatedDatabase,
    ScaleOutService,
    ServiceFront,
    SnsSqsFanout,
)
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.files import add_files, allow_files, settings_of_files
from stacks.dojo.parts import add_alarm_topic, add_front, add_outputs, add_session_key, chat_container
from stacks.dojo.servers import add_database, add_network, add_servers, outputs_of, settings_of
from stacks.dojo.umin_chat.edge import UminChatEdgeStack

__all__ = ["UminChatStack"]


class UminChatStack(Stack):
    """What everybody reads comes from edge locations; what an author has just written is never missing for him.

    Args:
        scope: The app or stage.
        construct_id: The stack's name; the one of the edge locations has the same with ``Edge``.
        env: Where the servers run.
        configuration: What the operator decides.
    """

    edge: UminChatEdgeStack
    """CloudFront, in us-east-1."""
    front: ServiceFront
    """The load balancer."""
    servers: ScaleOutService
    """The servers."""
    database: ReplicatedDatabase
    """Writer and readers."""
    files: DirectObjectUpload
    """Where browsers upload to."""
    notices: SnsSqsFanout
    """Notices to people who are away."""

    def __init__(
        self, scope: Construct, construct_id: str, *, env: Environment, configuration: DojoConfiguration
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Umin Chat: a chat behind CloudFront")
        alarm_topic = add_alarm_topic(self, configuration)
        name = configuration.domain_name("umin_chat")
        network = add_network(self, alarm_topic)
        # One of the readers takes over, and the other one still answers.
        self.database = add_database(self, network, alarm_topic, readers=2, max_readers=4)
        self.files = add_files(self, origin=f"https://{name}", alarm_topic=alarm_topic)
        self.notices = SnsSqsFanout(self, "Notices", alarm_topic=alarm_topic)
        # The board's own name is CloudFront's; this one is for CloudFront only.
        self.front = add_front(self, configuration, "umin_chat_origin", network, alarm_topic)
        container = chat_container(
            {
                **settings_of(self.database, self.notices, name),
                **settings_of_files(self.files),
                "database_reader_host": self.database.cluster.attr_read_endpoint_address,
                "public_rooms": "true",
            },
            secrets={"session_key": add_session_key(self)},
        )
        self.servers = add_servers(self, container, front=self.front, network=network, alarm_topic=alarm_topic, most=8)
        self.database.grant_connect(self.servers.service)
        allow_files(self.servers.task_role, self.files)
        self.notices.grant_publish(self.servers.task_role)
        add_outputs(self, **outputs_of(name, self.front, self.servers, self.database, self.notices))
        self.edge = UminChatEdgeStack(
            scope,
            f"{construct_id}Edge",
            env=Environment(account=env.account, region="us-east-1"),
            configuration=configuration,
            origin_name=self.front.domain_name,
        )
        self.edge.add_dependency(self, "CloudFront has its origin first")
