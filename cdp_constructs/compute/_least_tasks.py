"""The least number of tasks: Application Auto Scaling sees to it only when something else makes it act."""

from aws_cdk import aws_applicationautoscaling as applicationautoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute, minutes

_MINUTES = 3


def keep_least_tasks(scope: Construct, service: ecs.FargateService, scaling: ecs.ScalableTaskCount, least: int) -> None:
    """Let a service have its least number of tasks soon after it was made, and when somebody has set another.

    The template names no number, since each deployment would go back to it. A new service then has one task, and
    policies that follow a target leave it at one while there is little to do.

    Args:
        scope: The pattern.
        service: The service.
        scaling: Its scaling.
        least: The number.
    """
    target = next(child for child in scaling.node.children if isinstance(child, applicationautoscaling.ScalableTarget))
    action = applicationautoscaling.StepScalingAction(
        scope,
        "LeastTasks",
        scaling_target=target,
        adjustment_type=applicationautoscaling.AdjustmentType.CHANGE_IN_CAPACITY,
        cooldown=minutes(_MINUTES),  # the alarm looks back so far: sooner, it would add a task too many
        metric_aggregation_type=applicationautoscaling.MetricAggregationType.AVERAGE,
    )
    action.add_adjustment(adjustment=1, upper_bound=0)
    # Each running task reports its CPU once a minute. Not an alarm for operators, so not one of `alarms`.
    cloudwatch.CfnAlarm(
        scope,
        "LeastTasksAlarm",
        alarm_description=f"{path_of(scope)}: fewer tasks than the least number; scaling adds them.",
        namespace="AWS/ECS",
        metric_name="CPUUtilization",
        dimensions=[
            cloudwatch.CfnAlarm.DimensionProperty(name="ClusterName", value=service.cluster.cluster_name),
            cloudwatch.CfnAlarm.DimensionProperty(name="ServiceName", value=service.service_name),
        ],
        statistic="SampleCount",
        period=int(minute().to_seconds()),
        evaluation_periods=_MINUTES,
        threshold=least,
        comparison_operator="LessThanThreshold",
        treat_missing_data="notBreaching",
        alarm_actions=[action.scaling_policy_arn],
    )
