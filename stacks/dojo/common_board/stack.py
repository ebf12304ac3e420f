"""Board D10, the common board: several servers, files straight to S3, a DynamoDB table, push by SNS."""

from aws_cdk import Environment, Stack
from constructs import Construct

from cdp_constructs import SnsSqsFanout
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.files import add_files, allow_files, settings_of_files
from stacks.dojo.parts import add_alarm_topic, add_front, add_outputs, add_session_key, chat_container
from stacks.dojo.servers import add_network, add_servers, outputs_of, settings_of
from stacks.dojo.table import ChatTable

__all__ = ["CommonBoardStack"]


class CommonBoardStack(Stack):
    """What most groups drew; of the databases that they named, the one that has no server.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: Where it runs.
        configuration: What the operator decides.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, env: Environment, configuration: DojoConfiguration
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="The common board: a chat over a DynamoDB table")
        alarm_topic = add_alarm_topic(self, configuration)
        name = configuration.domain_name("common_board")
        network = add_network(self, alarm_topic)
        table = ChatTable(self, "Store", alarm_topic=alarm_topic)
        files = add_files(self, origin=f"https://{name}", alarm_topic=alarm_topic)
        notices = SnsSqsFanout(self, "Notices", alarm_topic=alarm_topic)
        front = add_front(self, configuration, "common_board", network, alarm_topic)
        container = chat_container(
            {**settings_of(table, notices, name), **settings_of_files(files)},
            secrets={"session_key": add_session_key(self)},
        )
        servers = add_servers(self, container, front=front, network=network, alarm_topic=alarm_topic, most=6)
        table.grant(servers.task_role)
        allow_files(servers.task_role, files)
        notices.grant_publish(servers.task_role)
        add_outputs(self, **outputs_of(name, front, servers, table, notices))
