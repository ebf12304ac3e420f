"""Board D7, Ichinensei: larger servers instead of more of them, a cache before a table, files from a private CDN."""

from aws_cdk import Environment, Stack, TimeZone
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdp_constructs import (
    InMemoryCache,
    ScaleOutService,
    ScaleUp,
    ServiceNetwork,
    SignInUserPool,
    SnsSqsFanout,
    TaskSize,
)
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.files import (
    add_downloads,
    add_files,
    allow_files,
    allow_links,
    settings_of_downloads,
    settings_of_files,
)
from stacks.dojo.ichinensei.beanstalk import BeanstalkServers
from stacks.dojo.parts import add_alarm_topic, add_front, add_outputs, add_session_secret, add_users, chat_container
from stacks.dojo.servers import add_servers, outputs_of, settings_of, settings_of_users
from stacks.dojo.table import ChatTable

__all__ = ["IchinenseiStack"]

_BOARD = "ichinensei"
_OREGON = "us-west-2"
_SIZE_BY_NIGHT = TaskSize(cpu=256, memory_limit_mib=512)
_SIZE_BY_DAY = TaskSize(cpu=1024, memory_limit_mib=2048)
_SIZE_WHEN_BUSY = TaskSize(cpu=4096, memory_limit_mib=8192)


class IchinenseiStack(Stack):
    """A chat in Oregon that Cognito signs people in to.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: Its account; the Region is Oregon in any case.
        configuration: What the operator decides, also whether Fargate or Elastic Beanstalk runs the servers.
    """

    users: SignInUserPool
    """Who has an account, and the passwords."""
    cache: InMemoryCache
    """The latest messages of rooms, and how servers tell each other of new ones; nothing is in it only."""

    def __init__(
        self, scope: Construct, construct_id: str, *, env: Environment, configuration: DojoConfiguration
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=Environment(account=env.account, region=_OREGON),
            description="Ichinensei: a chat on two servers that grow",
        )
        self._configuration, self._name = configuration, configuration.domain_name(_BOARD)
        self._alarm_topic = alarm_topic = add_alarm_topic(self, configuration)
        # Two NAT gateways cost less than the endpoints that they replace, and lead to the keys of the user pool, too.
        self._network = network = ServiceNetwork(self, "Network", nat_gateways=True, alarm_topic=alarm_topic)
        self.users = add_users(self, alarm_topic=alarm_topic)
        self._table = ChatTable(self, "Store", alarm_topic=alarm_topic)
        self.cache = InMemoryCache(self, "Cache", vpc=network.vpc, alarm_topic=alarm_topic)
        self._files = add_files(self, origin=f"https://{self._name}", alarm_topic=alarm_topic)
        self._downloads = add_downloads(self, self._files, alarm_topic=alarm_topic)
        self._notices = SnsSqsFanout(self, "Notices", alarm_topic=alarm_topic)
        secrets: dict[str, secretsmanager.ISecret] = {
            "session_key": add_session_secret(self),
            "cache_secret": self.cache.token,
        }
        settings = {
            **settings_of(self._table, self._notices, self._name),
            "fan_out": "cache",
            "latest": "cache",
            "cache_url": f"rediss://{self.cache.group.attr_primary_end_point_address}:6379",
            **settings_of_users(self.users),
            **settings_of_files(self._files),
            **settings_of_downloads(self._downloads),
        }
        if configuration.ichinensei_platform == "elastic_beanstalk":
            self._run_on_beanstalk(settings, secrets)
        else:
            self._run_on_fargate(settings, secrets)
        add_outputs(
            self,
            UserPoolId=self.users.user_pool.user_pool_id,
            ClientId=self.users.user_pool_client.user_pool_client_id,
            CacheHost=self.cache.group.attr_primary_end_point_address,
            BucketName=self._files.bucket.bucket_name,
        )

    def _run_on_fargate(self, settings: dict[str, str], secrets: dict[str, secretsmanager.ISecret]) -> None:
        network, alarm_topic = self._network, self._alarm_topic
        front = add_front(self, self._configuration, _BOARD, network, alarm_topic)
        container = chat_container(
            settings,
            secrets={name: ecs.Secret.from_secrets_manager(secret) for name, secret in secrets.items()},
            cpu=_SIZE_BY_NIGHT.cpu,
            memory_limit_mib=_SIZE_BY_NIGHT.memory_limit_mib,
        )
        servers = add_servers(self, container, front=front, network=network, alarm_topic=alarm_topic, most=2)
        # Not grant_connect(): Amazon ECS hands the token to a task when it starts, and its program need not read it.
        self.cache.connections.allow_default_port_from(servers.service)
        self._allow(servers.task_role)
        self._add_sizes(servers)
        add_outputs(self, **outputs_of(self._name, front, servers, self._table, self._notices))

    def _add_sizes(self, servers: ScaleOutService) -> None:
        """Add when servers become larger and smaller: when people are up, and when the CPU has been used up."""
        size = ScaleUp(self, "Size", service=servers, alarm_topic=self._alarm_topic)
        for when, hour, what in (("Day", "8", _SIZE_BY_DAY), ("Night", "23", _SIZE_BY_NIGHT)):
            at = scheduler.ScheduleExpression.cron(hour=hour, minute="0", time_zone=TimeZone.AMERICA_LOS_ANGELES)
            size.scale_on_schedule(when, schedule=at, size=what)
            schedule = size.node.find_child(when)
            assert isinstance(schedule, scheduler.CfnSchedule)  # noqa: S101 - what the pattern adds
            add_outputs(self, **{f"{when}Schedule": schedule.ref})
        busy = servers.node.find_child("BusyAlarm")
        assert isinstance(busy, cloudwatch.Alarm)  # noqa: S101 - there is a topic
        size.scale_on_alarm("WhenBusy", alarm=busy, size=_SIZE_WHEN_BUSY)

    def _run_on_beanstalk(self, settings: dict[str, str], secrets: dict[str, secretsmanager.ISecret]) -> None:
        servers = BeanstalkServers(
            self,
            "Servers",
            configuration=self._configuration,
            board=_BOARD,
            network=self._network,
            settings=settings,
            secrets=secrets,
            alarm_topic=self._alarm_topic,
        )
        self.cache.connections.allow_default_port_from(servers.security_group)
        self._allow(servers.role)
        add_outputs(
            self,
            Url=f"https://{self._name}",
            EnvironmentName=servers.environment.ref,
            TableName=self._table.table.table_name,
            TopicArn=self._notices.topic.topic_arn,
        )

    def _allow(self, role: iam.IRole) -> None:
        """Let servers do what the application does."""
        self._table.grant(role)
        allow_files(role, self._files)
        allow_links(role, self._downloads)
        self._notices.grant_publish(role)
