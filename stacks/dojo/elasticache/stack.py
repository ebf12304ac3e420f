"""Board D4, ElastiCache: mail to PCs and push to phones, sessions in a table, the logs of all servers in S3."""

from aws_cdk import Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ses as ses
from constructs import Construct

from cdp_constructs import LogAggregation, SnsSqsFanout, StateSharing
from cdp_constructs.core.configuration_sets import add_configuration_set
from cdp_constructs.core.periods import minutes
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.files import add_files, allow_files, settings_of_files
from stacks.dojo.parts import add_alarm_topic, add_front, add_outputs, add_session_key, chat_container
from stacks.dojo.servers import add_database, add_network, add_servers, outputs_of, settings_of

__all__ = ["ElastiCacheStack"]

_SESSIONS = "SESSION"


class ElastiCacheStack(Stack):
    """Servers keep nothing of anybody: who is who is in a table, and what they have logged in a bucket.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: Where it runs.
        configuration: What the operator decides.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, env: Environment, configuration: DojoConfiguration
    ) -> None:
        super().__init__(
            scope, construct_id, env=env, description="ElastiCache: a chat that mails PCs and pushes to phones"
        )
        alarm_topic = add_alarm_topic(self, configuration)
        name = configuration.domain_name("elasticache")
        network = add_network(self, alarm_topic, also=[ec2.InterfaceVpcEndpointAwsService.EMAIL])
        database = add_database(self, network, alarm_topic)
        sessions = StateSharing(self, "Sessions", alarm_topic=alarm_topic)
        files = add_files(self, origin=f"https://{name}", alarm_topic=alarm_topic)
        notices = SnsSqsFanout(self, "Notices", alarm_topic=alarm_topic)
        configuration_set = add_configuration_set(self, alarm_topic)
        front = add_front(self, configuration, "elasticache", network, alarm_topic)
        container = chat_container(
            {
                **settings_of(database, notices, name),
                **settings_of_files(files),
                "sessions": "table",
                "session_table": sessions.table.table_name,
                "notices": "device",
                "mail_sender": f"Chat <chat@{name}>",
                "mail_configuration_set": configuration_set,
            },
            secrets={"session_key": add_session_key(self)},
        )
        servers = add_servers(self, container, front=front, network=network, alarm_topic=alarm_topic, most=6)
        database.grant_connect(servers.service)
        sessions.grant_write(servers.task_role, groups=[_SESSIONS])
        allow_files(servers.task_role, files)
        notices.grant_publish(servers.task_role)
        self._allow_mail(servers.task_role, name, configuration_set)
        logs = LogAggregation(self, "Logs", buffering=minutes(1), alarm_topic=alarm_topic)
        logs.add_log_group(servers.log_group, service="chat")
        logs.add_log_groups(files, service="files")
        logs.add_saved_query(
            "ServersOfToday",
            description="Which servers there were today, with their first and last line",
            sql='SELECT log_stream, min("at") AS first, max("at") AS last, count(*) AS lines FROM lines '
            "WHERE service = 'chat' AND day >= date_format(current_timestamp, '%Y-%m-%d') GROUP BY log_stream",
        )
        add_outputs(
            self,
            **outputs_of(name, front, servers, database, notices),
            SessionTable=sessions.table.table_name,
            LogDeliveries=logs.delivery_stream.delivery_stream_name,
            LogBucket=logs.bucket.bucket_name,
            LogDatabase=logs.database_name,
            LogWorkgroup=logs.workgroup_name,
        )

    def _allow_mail(self, task_role: iam.IRole, domain: str, configuration_set: str) -> None:
        # SES sends for it as soon as the zone has the three DKIM records that SES shows.
        identity = ses.EmailIdentity(self, "Identity", identity=ses.Identity.domain(domain))
        arn = self.format_arn(service="ses", resource="configuration-set", resource_name=configuration_set)
        task_role.add_to_principal_policy(
            iam.PolicyStatement(actions=["ses:SendEmail"], resources=[identity.email_identity_arn, arn])
        )
