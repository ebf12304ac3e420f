"""Board D3, Disconnect: several servers, a database with a standby, files straight to S3, push by SNS."""

from aws_cdk import Environment, Stack
from constructs import Construct

from cdp_constructs import SnsSqsFanout
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.files import add_files, allow_files, settings_of_files
from stacks.dojo.parts import add_alarm_topic, add_front, add_outputs, add_session_key, chat_container
from stacks.dojo.servers import add_database, add_network, add_servers, outputs_of, settings_of

__all__ = ["DisconnectStack"]


class DisconnectStack(Stack):
    """Over the internet, without VPN and CDN: whatever is large or slow does not pass through the servers.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: Where it runs.
        configuration: What the operator decides.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, env: Environment, configuration: DojoConfiguration
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Disconnect: a chat over the internet")
        alarm_topic = add_alarm_topic(self, configuration)
        name = configuration.domain_name("disconnect")
        network = add_network(self, alarm_topic)
        database = add_database(self, network, alarm_topic)
        files = add_files(self, origin=f"https://{name}", alarm_topic=alarm_topic)
        notices = SnsSqsFanout(self, "Notices", alarm_topic=alarm_topic)
        front = add_front(self, configuration, "disconnect", network, alarm_topic)
        container = chat_container(
            {**settings_of(database, notices, name), **settings_of_files(files)},
            secrets={"session_key": add_session_key(self)},
        )
        servers = add_servers(self, container, front=front, network=network, alarm_topic=alarm_topic, most=6)
        database.grant_connect(servers.service)
        allow_files(servers.task_role, files)
        notices.grant_publish(servers.task_role)
        add_outputs(self, **outputs_of(name, front, servers, database, notices))
