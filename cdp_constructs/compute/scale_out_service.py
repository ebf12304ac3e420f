"""ScaleOutService: copies of a server in several zones, as many as requests, CPU or the time of day ask for."""

from aws_cdk import Duration, RemovalPolicy, TimeZone
from aws_cdk import aws_applicationautoscaling as applicationautoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.compute._deep_health import add_deep_health_check
from cdp_constructs.compute._least_tasks import keep_least_tasks
from cdp_constructs.compute._routes import add_route, metric_server_errors, metric_unhealthy
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
from cdp_constructs.compute.service_scaling import ServiceScaling
from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minutes, seconds
from cdp_constructs.core.validation import InvalidOptionError

_BUSY_PERCENT = 90
_MOST_ROUTES = 5


@checks_options
class ScaleOutService(Construct):
    """Runs copies of a server behind a load balancer, in two zones or more, and as many as there is work for.

    CDP: Scale Out / スケールアウト. Also Multi-Server, Multi-Datacenter, Scheduled Scale Out, Clone Server and Multi
    Load Balancer. Tasks of AWS Fargate keep nothing, so that each can be stopped at any time without losing a request::

        front = ServiceFront(self, "Front", vpc=network.vpc, domain_name="shop.example.com", zone=zone)
        shop = ScaleOutService(self, "Shop", front=front, container=ServiceContainer(image), alarm_topic=operators)
        shop.add_deep_health_check("DeepHealth")
        orders.grant_read_write_data(shop.task_role)
    """

    cluster: ecs.ICluster
    """The cluster."""
    service: ecs.FargateService
    """The service; ``connections`` says what its tasks may call."""
    task_role: iam.IRole
    """The role of the program; grant it what it needs."""
    target_group: elbv2.ApplicationTargetGroup
    """The tasks, as the load balancer of ``front`` knows them."""
    scaling: ecs.ScalableTaskCount
    """The number of tasks, for further rules of scaling."""
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
        front: ServiceFront,
        route: ServiceRoute | None = None,
        scaling: ServiceScaling | None = None,
        cluster: ecs.ICluster | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the service.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            container: What runs, and its size.
            front: The load balancer; several services may have the same one.
            route: Which of its requests the service gets, and its health check. Default: those that no other service
                gets, ``GET /health``.
            scaling: The number of tasks. Default: 2 to 10, by 1,000 requests a minute and task, and by 60 percent of
                CPU.
            cluster: An existing cluster in the network of ``front``. Default: a new one.
            vpc_subnets: Where tasks run: private or isolated subnets in two zones or more. Default: all private ones,
                or all isolated ones.
            encryption_key: A customer-managed key for the logs. Default: a key of CloudWatch Logs.
            alarm_topic: Receives the alarms. Default: no alarms.
            log_retention: How long logs are kept. Default: 3 months.
            removal_policy: What happens to the logs when the stack is deleted. Default: they are kept.

        Raises:
            InvalidOptionError: for subnets in one zone, or a cluster of another network.
        """
        super().__init__(scope, construct_id)
        check_network(self, "cluster", cluster, front.vpc, fix="Give a cluster of the network of front")
        subnets = subnets_of_tasks(self, front.vpc, vpc_subnets)
        self.encryption_key, self._alarm_topic = encryption_key, alarm_topic
        self._log_retention, self._removal_policy = log_retention, removal_policy
        self._front, self._port, self._routes = front, container.port, 0
        self.cluster = cluster or add_cluster(self, front.vpc)
        self.log_group = add_log_group(
            self, "Logs", log_retention=log_retention, encryption_key=encryption_key, removal_policy=removal_policy
        )
        self._container = container
        self._definition = definition = add_task_definition(self, container, self.log_group)
        self.task_role = definition.task_role
        self.service = add_service(
            self,
            cluster=self.cluster,
            definition=definition,
            vpc_subnets=subnets,
            # Scaling knows the number; a deployment that named one would set it back.
            desired_count=None,
            min_healthy_percent=100,
            max_healthy_percent=200,
            health_check_grace_period=seconds(60),
        )
        self.target_group = self._add_route(self, front, route or ServiceRoute())
        self.scaling = self._scale(scaling or ServiceScaling())
        add_alarm(
            self,
            "BusyAlarm",
            self.metric_cpu_utilization(),
            alarm_topic=alarm_topic,
            threshold=_BUSY_PERCENT,
            evaluation_periods=2,
            description=f"{path_of(self)}: tasks have used {_BUSY_PERCENT} percent of their CPU for 10 minutes, "
            "although there should be more of them by now. Look whether there are as many as scaling allows.",
        )

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this service; none without ``alarm_topic``."""
        return alarms_of(self)

    def add_route(
        self, construct_id: str, *, front: ServiceFront | None = None, route: ServiceRoute
    ) -> elbv2.ApplicationTargetGroup:
        """Let the same tasks be reached in another way: by other paths and hosts, or by another load balancer.

        Args:
            construct_id: Id inside this service.
            front: The other load balancer, such as an internal one, in the same network. Default: the service's own.
            route: Which requests.

        Raises:
            InvalidOptionError: for a sixth route, and a load balancer of another network.
        """
        if self._routes == _MOST_ROUTES:
            fix = f"Use at most {_MOST_ROUTES}: a service has no more target groups"
            raise InvalidOptionError(self, "route", f"is {construct_id!r}, route number {_MOST_ROUTES + 1}", fix)
        check_network(self, "front", front, self._front.vpc, fix="Give one of the service's network")
        return self._add_route(Construct(self, construct_id), front or self._front, route)

    def add_size(self, construct_id: str, *, cpu: int, memory_limit_mib: int) -> ecs.FargateTaskDefinition:
        """Return a task definition of a size, for ``ScaleUp``: the service's own, or a new one beside it.

        Args:
            construct_id: Id inside this service.
            cpu: CPU units, as in ``ServiceContainer``.
            memory_limit_mib: Memory in MiB.

        Raises:
            InvalidOptionError: for a size that AWS Fargate does not have.
        """
        return add_sized_definition(
            self,
            construct_id,
            self._definition,
            self._container,
            self.log_group,
            cpu=cpu,
            memory_limit_mib=memory_limit_mib,
        )

    def add_deep_health_check(self, construct_id: str, *, path: str = "/health/deep") -> lambda_.Function:
        """Ask the service every minute whether it can serve with all that it depends on, and raise an alarm if not.

        The load balancer does not ask it: a database that fails would have it replace every task, and tasks do not
        repair a database.

        Args:
            construct_id: Id inside this service.
            path: Must answer 200 within 10 seconds when the service can serve; below a path of the route.
        """
        if not path.startswith("/") or any(not "!" <= letter <= "~" for letter in path):
            raise InvalidOptionError(self, "path", f"is {path!r}", "Use a path such as /health/deep")
        return add_deep_health_check(
            Construct(self, construct_id),
            self._front,
            path,
            encryption_key=self.encryption_key,
            alarm_topic=self._alarm_topic,
            log_retention=self._log_retention,
            removal_policy=self._removal_policy,
        )

    def scale_on_schedule(
        self,
        construct_id: str,
        *,
        schedule: applicationautoscaling.Schedule,
        min_capacity: int | None = None,
        max_capacity: int | None = None,
        time_zone: TimeZone | None = None,
    ) -> None:
        """Change the least and the most number of tasks at certain times; within them, scaling goes on.

        Args:
            construct_id: Name of the scheduled action.
            schedule: When.
            min_capacity: Tasks at least from then on, 2 to 5,000. Default: as before.
            max_capacity: Tasks at most from then on. Default: as before.
            time_zone: Of the schedule, with its summer time. Default: UTC.

        Raises:
            InvalidOptionError: when neither is given, or they do not fit together.
        """
        if min_capacity is None and max_capacity is None:
            raise InvalidOptionError(self, "min_capacity", "is missing", "Give it, or max_capacity, or both")
        least = 2 if min_capacity is None else min_capacity
        ServiceScaling(min_capacity=least, max_capacity=max(least, 10) if max_capacity is None else max_capacity)
        self.scaling.scale_on_schedule(
            construct_id,
            schedule=schedule,
            min_capacity=min_capacity,
            max_capacity=max_capacity,
            time_zone=time_zone,
        )

    def metric_cpu_utilization(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Percent of their CPU that tasks use. Average over 5 minutes by default."""
        return self.service.metric_cpu_utilization(period=period or minutes(5), statistic="avg")

    def metric_server_errors(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Answers 5xx of tasks. Sum over 5 minutes by default."""
        return metric_server_errors(self.target_group, period=period)

    def metric_unhealthy_tasks(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Tasks that fail the load balancer's check. Maximum per minute by default."""
        return metric_unhealthy(self.target_group, period=period)

    def _add_route(self, owner: Construct, front: ServiceFront, route: ServiceRoute) -> elbv2.ApplicationTargetGroup:
        self._routes += 1
        return add_route(
            owner, service=self.service, port=self._port, front=front, route=route, alarm_topic=self._alarm_topic
        )

    def _scale(self, wanted: ServiceScaling) -> ecs.ScalableTaskCount:
        scaling = self.service.auto_scale_task_count(min_capacity=wanted.min_capacity, max_capacity=wanted.max_capacity)
        keep_least_tasks(self, self.service, scaling, wanted.min_capacity)
        if wanted.requests_per_target is not None:
            scaling.scale_on_request_count(
                "Requests", requests_per_target=wanted.requests_per_target, target_group=self.target_group
            )
        if wanted.target_utilization_percent is not None:
            scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=wanted.target_utilization_percent)
        return scaling
