"""Board D8, Sketch Book!!: North America, which has the data and serves those who are nearest to it."""

from aws_cdk import ArnFormat, Environment, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs import MultiRegionLatencyRouting, SnsSqsFanout, StorageIndex
from cdp_constructs.core.acknowledgments import acknowledge_resources
from cdp_constructs.core.names import name_everywhere
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.files import add_files, allow_files, settings_of_files
from stacks.dojo.parts import add_alarm_topic, add_outputs, add_session_secret, chat_container
from stacks.dojo.regions import METRICS_REGION, add_nearest_front, allow_notices, replica_of_key
from stacks.dojo.servers import add_network, add_servers, outputs_of, settings_of
from stacks.dojo.table import ChatTable, allow_items, allow_search

__all__ = ["AMERICA", "BOARD", "SketchBookAmericaStack"]

BOARD = "sketch_book"
AMERICA = METRICS_REGION
"""Where the data is, and Route 53 has its metrics."""


class SketchBookAmericaStack(Stack):
    """Table, files with their index, topic, and servers.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: us-east-1.
        configuration: What the operator decides.
        far_region: The other Region that serves; it gets a replica of the key that signs sessions.
    """

    routing: MultiRegionLatencyRouting
    """Leads those here who are nearest."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        env: Environment,
        configuration: DojoConfiguration,
        far_region: str,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Sketch Book!!: North America, with all of the data")
        alarm_topic = add_alarm_topic(self, configuration)
        name = configuration.domain_name(BOARD)
        network = add_network(self, alarm_topic)
        self._table = ChatTable(self, "Store", alarm_topic=alarm_topic)
        self._files = add_files(self, origin=f"https://{name}", alarm_topic=alarm_topic)
        self._index = StorageIndex(
            self,
            "Index",
            bucket=self._files.bucket,
            prefix=self._files.accepted_prefix,
            alarm_topic=alarm_topic,
        )
        self._notices = SnsSqsFanout(self, "Notices", alarm_topic=alarm_topic)
        self._session_key = add_session_secret(self, replica_regions=[far_region])
        front, self.routing = add_nearest_front(self, configuration, BOARD, network, alarm_topic)
        container = chat_container(
            {
                **settings_of(self._table, self._notices, name),
                **settings_of_files(self._files),
                "file_index": self._index.table.table_name,
            },
            secrets={"session_key": ecs.Secret.from_secrets_manager(self._session_key)},
        )
        servers = add_servers(self, container, front=front, network=network, alarm_topic=alarm_topic, most=6)
        self._table.grant(servers.task_role)
        self._index.grant_read(servers.task_role)
        allow_files(servers.task_role, self._files)
        self._notices.grant_publish(servers.task_role)
        add_outputs(
            self,
            **outputs_of(name, front, servers, self._table, self._notices),
            HealthCheckId=self.routing.health_check.health_check_id,
        )

    @property
    def settings_elsewhere(self) -> dict[str, str]:
        """The settings of servers in another Region: everything that they keep is here."""
        return {
            "data_region": AMERICA,
            "store": "table",
            "fan_out": "polling",
            "table": name_everywhere(self._table.table),
            "files": "bucket",
            "bucket": name_everywhere(self._files.bucket),
            "form_function": name_everywhere(self._files.form_function),
            "file_index": name_everywhere(self._index.table),
            "notices": "topic",
            "notice_topic": name_everywhere(self._notices.topic),
        }

    def session_key_in(self, stack: Stack) -> ecs.Secret:
        """Return the replica of the key that signs sessions: who signed in here is known there."""
        return replica_of_key(stack, self._session_key)

    def allow_elsewhere(self, role: iam.IRole, stack: Stack) -> None:
        """Let servers of a stack in another Region do what those here may do."""

        def arn(service: str, resource: str, name: str) -> str:
            return stack.format_arn(service=service, region=AMERICA, resource=resource, resource_name=name)

        index = arn("dynamodb", "table", name_everywhere(self._index.table))
        function = stack.format_arn(
            service="lambda",
            region=AMERICA,
            resource="function",
            resource_name=name_everywhere(self._files.form_function),
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        files = f"arn:{stack.partition}:s3:::{name_everywhere(self._files.bucket)}/{self._files.accepted_prefix}*"
        table = arn("dynamodb", "table", name_everywhere(self._table.table))
        allow_items(role, table)
        allow_search(role, table)
        for action, resource in (
            ("dynamodb:Query", f"{index}/index/{StorageIndex.owner_index}"),
            ("lambda:InvokeFunction", function),
            ("s3:GetObject", files),
        ):
            role.add_to_principal_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
        allow_notices(role, stack, self._notices, region=AMERICA)
        acknowledge_resources(
            role, [files], "Owner, upload and file name are not known before; the prefix is the bound."
        )
