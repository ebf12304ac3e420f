"""Stamp: one server, made anew from its image whenever it fails, within a stated time."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.compute._routes import add_route
from cdp_constructs.compute._tasks import (
    add_cluster,
    add_service,
    add_sized_definition,
    add_task_definition,
    check_network,
    subnets_of_tasks,
)
from cdp_constructs.compute.service_container import ServiceContainer
from cdp_constructs.compute.service_front import ServiceFront
from cdp_constructs.compute.service_route import ServiceRoute
from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute, minutes, seconds
from cdp_constructs.core.validation import InvalidOptionError, check_duration

_INTERVAL, _TIMEOUT, _RETRIES = 10, 5, 3
# Until a failure is noticed: three checks, and the time that the last one may take.
_NOTICED = _INTERVAL * _RETRIES + _TIMEOUT
_LONGEST_START = 300
_SHORTEST_START = 20
_MINUTE = 60


@checks_options
class Stamp(Construct):
    """Keeps one server running: when it fails, or its zone does, a new one is made from the same image.

    CDP: Stamp / スタンプ. Also Bootstrap and Cloud DI: the image has no settings in it, and a new task reads them when
    it starts. The server keeps its state outside, since nothing of a task outlives it::

        ledger = Stamp(
            self,
            "Ledger",
            container=ServiceContainer(image, secrets={"SETTINGS": ecs.Secret.from_ssm_parameter(settings)}),
            health_check_command=["python", "/app/check.py"],
            vpc=network.vpc,
            replaced_within=Duration.minutes(3),
        )
        entries.grant_read_write_data(ledger.task_role)
    """

    cluster: ecs.ICluster
    """The cluster."""
    service: ecs.FargateService
    """The service of one task; ``connections`` says what it may call."""
    task_definition: ecs.FargateTaskDefinition
    """What runs; a volume of Amazon EFS is added here."""
    task_role: iam.IRole
    """The role of the program; grant it what it needs."""
    log_group: logs.LogGroup
    """What the program writes to its standard output."""
    encryption_key: kms.IKey | None
    """Encrypts the logs; None for a key of CloudWatch Logs."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        container: ServiceContainer,
        health_check_command: Sequence[str],
        vpc: ec2.IVpc,
        cluster: ecs.ICluster | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        replaced_within: Duration | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the server.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            container: What runs, and its size.
            health_check_command: The words of a command that runs in the container every 10 seconds and ends with 0
                when the server can do its work. After three failures the task is replaced, so let it ask only what a
                new task would repair.
            vpc: The network.
            cluster: An existing cluster of ``vpc``. Default: a new one.
            vpc_subnets: Private or isolated subnets in two zones or more, one of which has the task. Default: all
                private ones, or all isolated ones.
            replaced_within: How long the server may be away, 2 to 30 minutes in whole minutes: 35 seconds until a
                failure is noticed, ``stop_timeout`` of the container, and the rest for the start of the new task.
                Default: 5 minutes.
            encryption_key: A customer-managed key for the logs. Default: a key of CloudWatch Logs.
            alarm_topic: Receives an alarm when the server is away for longer. Default: no alarms.
            log_retention: How long logs are kept. Default: 3 months.
            removal_policy: What happens to the logs when the stack is deleted. Default: they are kept.

        Raises:
            InvalidOptionError: for a time that cannot be kept, subnets in one zone, or a cluster of another network.
        """
        super().__init__(scope, construct_id)
        if not health_check_command:
            fix = 'Give the words of a command, such as ["python", "/app/check.py"]'
            raise InvalidOptionError(self, "health_check_command", "is []", fix)
        check_network(self, "cluster", cluster, vpc, fix="Give a cluster of vpc")
        within = minutes(5) if replaced_within is None else replaced_within
        start = self._time_to_start(within, container.stop_timeout)
        subnets = subnets_of_tasks(self, vpc, vpc_subnets)
        self.encryption_key, self._alarm_topic = encryption_key, alarm_topic
        self._vpc, self._port, self._minutes = vpc, container.port, int(within.to_minutes())
        self.cluster = cluster or add_cluster(self, vpc)
        self.log_group = add_log_group(
            self, "Logs", log_retention=log_retention, encryption_key=encryption_key, removal_policy=removal_policy
        )
        self._container = container
        self._health_check = ecs.HealthCheck(
            command=["CMD", *health_check_command],
            interval=seconds(_INTERVAL),
            timeout=seconds(_TIMEOUT),
            retries=_RETRIES,
            start_period=seconds(start),
        )
        self.task_definition = add_task_definition(self, container, self.log_group, health_check=self._health_check)
        self.task_role = self.task_definition.task_role
        self.service = add_service(
            self,
            cluster=self.cluster,
            definition=self.task_definition,
            vpc_subnets=subnets,
            desired_count=1,
            # Never two at a time: the old one has ended before the new one starts.
            min_healthy_percent=0,
            max_healthy_percent=100,
        )
        add_alarm(
            self,
            "ReplacementAlarm",
            self.metric_running_tasks(),
            alarm_topic=alarm_topic,
            evaluation_periods=self._minutes,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            # A service without a task has no metric.
            missing_data=cloudwatch.TreatMissingData.BREACHING,
            description=f"{path_of(self)}: no task has been running for {self._minutes} minutes. Look why the last one "
            "stopped and why none starts.",
        )

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this server; none without ``alarm_topic``."""
        return alarms_of(self)

    def add_route(
        self, construct_id: str, *, front: ServiceFront, route: ServiceRoute | None = None
    ) -> elbv2.ApplicationTargetGroup:
        """Let the server be reached by a load balancer, and raise an alarm when it does not answer there in time.

        Args:
            construct_id: Id inside this server.
            front: The load balancer, in the same network.
            route: Which of its requests. Default: those that no other service gets, and ``GET /health`` as the check.

        Raises:
            InvalidOptionError: for a load balancer of another network.
        """
        check_network(self, "front", front, self._vpc, fix="Give one of the server's network")
        owner = Construct(self, construct_id)
        group = add_route(
            owner,
            service=self.service,
            port=self._port,
            front=front,
            route=route or ServiceRoute(),
            alarm_topic=self._alarm_topic,
        )
        add_alarm(
            owner,
            "UnavailableAlarm",
            group.metrics.healthy_host_count(period=minute(), statistic="max"),
            alarm_topic=self._alarm_topic,
            evaluation_periods=self._minutes,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            missing_data=cloudwatch.TreatMissingData.BREACHING,
            description=f"{path_of(owner)}: the server has not passed the load balancer's check for {self._minutes} "
            "minutes. Look whether tasks start and end again, and at their log.",
        )
        return group

    def add_size(self, construct_id: str, *, cpu: int, memory_limit_mib: int) -> ecs.FargateTaskDefinition:
        """Return a task definition of a size, for ``ScaleUp``: the server's own, or a new one beside it.

        Volumes that were added to ``task_definition`` have to be added to this one, too.

        Args:
            construct_id: Id inside this server.
            cpu: CPU units, as in ``ServiceContainer``.
            memory_limit_mib: Memory in MiB.

        Raises:
            InvalidOptionError: for a size that AWS Fargate does not have.
        """
        return add_sized_definition(
            self,
            construct_id,
            self.task_definition,
            self._container,
            self.log_group,
            cpu=cpu,
            memory_limit_mib=memory_limit_mib,
            health_check=self._health_check,
        )

    def metric_running_tasks(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """How often a running task reported its CPU: once a minute. Without a task there is no value."""
        return self.service.metric_cpu_utilization(period=period or minute(), statistic="SampleCount")

    def _time_to_start(self, within: Duration, stop_timeout: Duration) -> int:
        """Return the seconds that a new task may take until it passes its check."""
        source = "a task that is noticed, stopped and started"
        check_duration(self, "replaced_within", within, low=minutes(2), high=minutes(30), source=source, unit=minute())
        left = int(within.to_seconds()) - _NOTICED - int(stop_timeout.to_seconds())
        if left < _SHORTEST_START:
            least = -(-(_NOTICED + int(stop_timeout.to_seconds()) + _SHORTEST_START) // _MINUTE)
            fix = f"Use {least} minutes or more, or a shorter stop_timeout of the container"
            problem = f"is {int(within.to_minutes())} minutes beside a stop_timeout of {stop_timeout.to_seconds():g} s"
            raise InvalidOptionError(self, "replaced_within", problem, fix)
        return min(left, _LONGEST_START)
