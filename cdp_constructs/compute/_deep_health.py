"""The deep health check of a service: a function that asks it every minute, and an alarm."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.compute.service_front import ServiceFront
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.function_networks import put_into_network
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute, seconds
from cdp_constructs.core.queues import add_dead_letter_queue
from cdp_constructs.core.schedules import add_schedule, add_schedule_role

_FAILURES_THAT_ALARM = 3


def add_deep_health_check(
    scope: Construct,
    front: ServiceFront,
    path: str,
    *,
    encryption_key: kms.IKey | None,
    alarm_topic: sns.ITopic | None,
    log_retention: logs.RetentionDays,
    removal_policy: RemovalPolicy,
) -> lambda_.Function:
    """Add a function that asks a path of the service as clients do, once a minute.

    Args:
        scope: Becomes the owner of function, schedule and alarm.
        front: The load balancer that the service is behind.
        path: What is asked.
        encryption_key: Of the dead-letter queue and the function's logs.
        alarm_topic: Receives the alarms.
        log_retention: Of the function's logs.
        removal_policy: Of the function's logs.
    """
    queue = add_dead_letter_queue(
        scope,
        "DeadLetterQueue",
        alarm_topic=alarm_topic,
        holds="checks that could not be made; nothing has to be replayed, since the next one followed",
        encryption_key=encryption_key,
    )
    function = add_function(
        scope,
        "Function",
        handler="compute/deep_health",
        description=f"Asks the deep health of {path_of(scope)}"[:256],
        invocation=Invocation.EVENT,
        dead_letter_queue=queue,
        publishes_metrics=True,
        timeout=seconds(15),
        environment={"URL": f"https://{front.domain_name}{path}"},
        log_retention=log_retention,
        log_encryption_key=encryption_key,
        removal_policy=removal_policy,
    )
    if not front.internet_facing:
        _put_into(function, front)
    add_schedule(
        scope,
        "Schedule",
        expression="rate(1 minute)",
        target=function,
        role=add_schedule_role(scope, function, queue, encryption_key),
        dead_letter_queue=queue,
        description=f"Asks the deep health of {path_of(scope)}",
        # The next check answers the same question.
        max_event_age=minute(),
        retry_attempts=0,
    )
    add_alarm(
        scope,
        "DeepHealthAlarm",
        metric_deep_health(function),
        alarm_topic=alarm_topic,
        threshold=1,
        evaluation_periods=_FAILURES_THAT_ALARM,
        comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        # A check that is not made says nothing good.
        missing_data=cloudwatch.TreatMissingData.BREACHING,
        description=f"{path_of(scope)}: the deep health check has failed for {_FAILURES_THAT_ALARM} minutes. Its log "
        "has the answer: look at what the service depends on. No task is replaced for it.",
    )
    return function


def metric_deep_health(function: lambda_.Function) -> cloudwatch.Metric:
    """1 when the service answered that it can serve, 0 when not. Minimum per minute."""
    return function_metric(function, "DeepHealthy", period=minute(), statistic="min")


def _put_into(function: lambda_.Function, front: ServiceFront) -> None:
    """Let the function reach an internal load balancer: from inside its network, which it may only leave for that."""
    group = put_into_network(function, front.vpc, description=f"Deep health check of {path_of(front)}")
    front.load_balancer.connections.allow_from(group, ec2.Port.tcp(443), "Deep health check")
