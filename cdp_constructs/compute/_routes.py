"""A route of a service: a target group, the rule of the listener, and the alarms about what comes by it."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.compute._tasks import CONTAINER
from cdp_constructs.compute.service_front import ServiceFront
from cdp_constructs.compute.service_route import ServiceRoute
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute, minutes, seconds

_FAILURES_THAT_ALARM = 10
_MINUTES_UNHEALTHY = 3


def add_route(
    scope: Construct,
    *,
    service: ecs.FargateService,
    port: int,
    front: ServiceFront,
    route: ServiceRoute,
    alarm_topic: sns.ITopic | None,
) -> elbv2.ApplicationTargetGroup:
    """Let a load balancer send requests to the tasks of a service.

    Args:
        scope: Becomes the owner of target group, rule and alarms.
        service: The service.
        port: The port of its container.
        front: The load balancer.
        route: Which requests, and how tasks are checked.
        alarm_topic: Receives the alarms.
    """
    group = elbv2.ApplicationTargetGroup(
        scope,
        "Targets",
        vpc=front.vpc,
        port=port,
        protocol=elbv2.ApplicationProtocol.HTTP,
        target_type=elbv2.TargetType.IP,
        targets=[service.load_balancer_target(container_name=CONTAINER, container_port=port)],
        deregistration_delay=route.deregistration_delay,
        # Long requests and WebSocket connections do not gather on one task.
        load_balancing_algorithm_type=elbv2.TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS,
        health_check=elbv2.HealthCheck(
            path=route.health_check_path,
            healthy_http_codes="200",
            interval=seconds(10),
            timeout=seconds(5),
            healthy_threshold_count=2,
            unhealthy_threshold_count=2,
        ),
    )
    rule = elbv2.ApplicationListenerRule(
        scope,
        "Rule",
        listener=front.listener,
        priority=route.priority,
        conditions=route.conditions(),
        action=elbv2.ListenerAction.forward([group]),
    )
    # Amazon ECS refuses a target group that no load balancer has.
    service.node.add_dependency(rule)
    add_alarm(
        scope,
        "UnhealthyTargetsAlarm",
        metric_unhealthy(group),
        alarm_topic=alarm_topic,
        evaluation_periods=_MINUTES_UNHEALTHY,
        description=f"{path_of(scope)}: a task has failed the load balancer's health check for {_MINUTES_UNHEALTHY} "
        "minutes, and so have those that replaced it. Look at the last tasks that stopped, and their log.",
    )
    add_alarm(
        scope,
        "ServerErrorsAlarm",
        metric_server_errors(group),
        alarm_topic=alarm_topic,
        threshold=_FAILURES_THAT_ALARM,
        description=f"{path_of(scope)}: tasks answered {_FAILURES_THAT_ALARM} requests with 5xx within 5 minutes. Look "
        "in the service's log, and whether something was deployed.",
    )
    return group


def metric_unhealthy(group: elbv2.ApplicationTargetGroup, *, period: Duration | None = None) -> cloudwatch.Metric:
    """Tasks that fail the load balancer's check. Maximum per minute by default."""
    return group.metrics.unhealthy_host_count(period=period or minute(), statistic="max")


def metric_server_errors(group: elbv2.ApplicationTargetGroup, *, period: Duration | None = None) -> cloudwatch.Metric:
    """Answers 5xx of tasks. Sum over 5 minutes by default."""
    return group.metrics.http_code_target(
        elbv2.HttpCodeTarget.TARGET_5XX_COUNT, period=period or minutes(5), statistic="sum"
    )
