"""The count of tasks follows the backlog: what waits and what is worked on, for each task that runs."""

from collections.abc import Sequence

from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.core.alarms import mark_for_scaling
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute

__all__ = ["MOST_QUEUES", "backlog", "running_tasks", "scale_on_backlog", "without_tasks"]

MOST_QUEUES = 4
"""Two metrics for each queue, one of the tasks and the expression itself are the 10 that a scaling policy takes."""
_OUT_SECONDS, _IN_SECONDS = 60, 300
_Query = autoscaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty


def running_tasks(service: ecs.FargateService) -> cloudwatch.Metric:
    """Return how many tasks of a service run, as Container Insights counts them."""
    return cloudwatch.Metric(
        namespace="ECS/ContainerInsights",
        metric_name="RunningTaskCount",
        dimensions_map={"ClusterName": service.cluster.cluster_name, "ServiceName": service.service_name},
        statistic="avg",
        period=minute(),
    )


def _counts(queues: Sequence[sqs.IQueue]) -> dict[str, cloudwatch.Metric]:
    """Return the metrics of a backlog: a job in flight counts, so that no task ends while it has one."""
    found = {}
    for number, queue in enumerate(queues):
        found[f"waiting{number}"] = queue.metric_approximate_number_of_messages_visible(
            period=minute(), statistic="max"
        )
        found[f"working{number}"] = queue.metric_approximate_number_of_messages_not_visible(
            period=minute(), statistic="max"
        )
    return found


def _sum(names: Sequence[str]) -> str:
    # A queue that nobody has used for six hours has no metrics.
    return " + ".join(f"FILL({name}, 0)" for name in names)


def backlog(queues: Sequence[sqs.IQueue]) -> cloudwatch.MathExpression:
    """Return the jobs of all queues, waiting and worked on."""
    counts = _counts(queues)
    return cloudwatch.MathExpression(
        expression=_sum(list(counts)), using_metrics=dict(counts), period=minute(), label="Jobs"
    )


def without_tasks(queues: Sequence[sqs.IQueue], service: ecs.FargateService) -> cloudwatch.MathExpression:
    """Return the jobs while no task runs, otherwise 0."""
    counts = _counts(queues)
    return cloudwatch.MathExpression(
        expression=f"IF(FILL(tasks, 0) < 1, {_sum(list(counts))}, 0)",
        using_metrics={**counts, "tasks": running_tasks(service)},
        period=minute(),
        label="Jobs without a task",
    )


def scale_on_backlog(
    scope: Construct,
    service: ecs.FargateService,
    queues: Sequence[sqs.IQueue],
    *,
    fewest: int,
    most: int,
    backlog_per_task: int,
) -> None:
    """Let Application Auto Scaling keep the backlog per task, and start the first task by an alarm of its own.

    Args:
        scope: The pattern.
        service: Its service.
        queues: What is worked off.
        fewest: Tasks at least; 0 ends the last one when there is nothing to do.
        most: Tasks at most.
        backlog_per_task: Jobs for each task.
    """
    target = autoscaling.CfnScalableTarget(
        scope,
        "Tasks",
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=f"service/{service.cluster.cluster_name}/{service.service_name}",
        min_capacity=fewest,
        max_capacity=most,
    )
    target.node.add_dependency(service)
    policy = autoscaling.CfnScalingPolicy
    counts = {**_counts(queues), "tasks": running_tasks(service)}
    jobs = _sum([name for name in counts if name != "tasks"])
    expression = _Query(
        id="backlog", expression=f"({jobs}) / IF(FILL(tasks, 0) > 1, tasks, 1)", label="Jobs per task", return_data=True
    )
    policy(
        scope,
        "BacklogPolicy",
        policy_name="BacklogPerTask",
        policy_type="TargetTrackingScaling",
        scaling_target_id=target.ref,
        target_tracking_scaling_policy_configuration=policy.TargetTrackingScalingPolicyConfigurationProperty(
            target_value=backlog_per_task,
            scale_out_cooldown=_OUT_SECONDS,
            scale_in_cooldown=_IN_SECONDS,
            customized_metric_specification=policy.CustomizedMetricSpecificationProperty(
                metrics=[*(_query(name, metric) for name, metric in counts.items()), expression]
            ),
        ),
    )
    if fewest == 0:
        _start_first_task(scope, target, queues, service)


def _query(name: str, metric: cloudwatch.Metric) -> _Query:
    policy = autoscaling.CfnScalingPolicy
    dimensions = [
        policy.TargetTrackingMetricDimensionProperty(name=key, value=value)
        for key, value in (metric.dimensions or {}).items()
    ]
    return _Query(
        id=name,
        return_data=False,
        metric_stat=policy.TargetTrackingMetricStatProperty(
            stat={"avg": "Average", "max": "Maximum"}.get(metric.statistic.lower(), metric.statistic),
            metric=policy.TargetTrackingMetricProperty(
                namespace=metric.namespace, metric_name=metric.metric_name, dimensions=dimensions
            ),
        ),
    )


def _start_first_task(
    scope: Construct,
    target: autoscaling.CfnScalableTarget,
    queues: Sequence[sqs.IQueue],
    service: ecs.FargateService,
) -> None:
    """Start a task when there is none: a multiple of no task is none, so target tracking does not."""
    policy = autoscaling.CfnScalingPolicy
    start = policy(
        scope,
        "StartPolicy",
        policy_name="FirstTask",
        policy_type="StepScaling",
        scaling_target_id=target.ref,
        step_scaling_policy_configuration=policy.StepScalingPolicyConfigurationProperty(
            adjustment_type="ChangeInCapacity",
            cooldown=_OUT_SECONDS,
            step_adjustments=[policy.StepAdjustmentProperty(metric_interval_lower_bound=0, scaling_adjustment=1)],
        ),
    )
    waiting = cloudwatch.Alarm(
        Construct(scope, "Start"),
        "Alarm",
        metric=without_tasks(queues, service),
        threshold=1,
        evaluation_periods=1,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        alarm_description=f"{path_of(scope)}: jobs wait and no task runs: the first one is started. For scaling only.",
    )
    resource: cloudwatch.CfnAlarm = waiting.node.default_child  # type: ignore[assignment]  # its only L1
    resource.alarm_actions = [start.ref]
    mark_for_scaling(waiting)
