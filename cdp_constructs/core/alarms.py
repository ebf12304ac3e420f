"""One way to make an alarm, so that every pattern notifies in the same manner."""

from aws_cdk import Annotations, Resource
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.cdk import cloudwatch_actions as actions
from cdp_constructs.core.keys import let_service_use_key
from cdp_constructs.core.once import once
from cdp_constructs.core.runbooks import runbook_of
from cdp_constructs.core.tree import keep, kept

_FOR_SCALING = "ForScaling"
_REACHED = "ReachedByAlarms"


def add_alarm(
    scope: Construct,
    construct_id: str,
    metric: cloudwatch.IMetric,
    *,
    alarm_topic: sns.ITopic | None,
    description: str,
    threshold: float = 1,
    evaluation_periods: int = 1,
    comparison: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    missing_data: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    notify_recovery: bool = True,
) -> cloudwatch.Alarm | None:
    """Add an alarm that notifies ``alarm_topic``, or nothing when there is no topic to notify.

    Args:
        scope: The pattern that the alarm watches.
        construct_id: Id of the alarm inside ``scope``; it also names its page of ``use_runbooks``.
        metric: What is watched; its period is the length of one evaluation period.
        alarm_topic: Receives the alarm, and its recovery. None leaves the alarm out: an alarm without a topic costs
            money and hides the gap.
        description: What it means and what to do first, for the operator who receives it.
        threshold: Value at which the alarm is raised.
        evaluation_periods: Periods in a row that must breach.
        comparison: How the metric is compared with the threshold.
        missing_data: How periods without data count.
        notify_recovery: Whether the topic receives the recovery, too; not of an event, which is over by itself.
    """
    if alarm_topic is None:
        return None
    alarm = cloudwatch.Alarm(
        scope,
        construct_id,
        metric=metric,
        threshold=threshold,
        evaluation_periods=evaluation_periods,
        comparison_operator=comparison,
        treat_missing_data=missing_data,
        alarm_description=_described(scope, construct_id, description),
    )
    action = notifying(alarm_topic)
    alarm.add_alarm_action(action)
    if notify_recovery:
        alarm.add_ok_action(action)
    return alarm


def add_rollback_alarm(
    scope: Construct,
    construct_id: str,
    metric: cloudwatch.IMetric,
    *,
    alarm_topic: sns.ITopic | None,
    description: str,
    threshold: float,
) -> cloudwatch.Alarm:
    """Add an alarm that a deployment is rolled back by, with a topic to notify or without one; see ``add_alarm``.

    Args:
        scope: The pattern that the alarm watches.
        construct_id: Id of the alarm inside ``scope``.
        metric: What is watched; its period is the length of one evaluation period.
        alarm_topic: Receives the alarm. None: nobody is notified.
        description: What it means and what to do first.
        threshold: Value of one period at which the alarm is raised.
    """
    alarm = add_alarm(
        scope, construct_id, metric, alarm_topic=alarm_topic, description=description, threshold=threshold
    )
    return alarm or cloudwatch.Alarm(
        scope,
        construct_id,
        metric=metric,
        threshold=threshold,
        evaluation_periods=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        alarm_description=_described(scope, construct_id, description),
    )


def _described(scope: Construct, construct_id: str, description: str) -> str:
    page = runbook_of(scope, construct_id)
    return description if page is None else f"{description} Runbook: {page}"


def mark_for_scaling(alarm: cloudwatch.Alarm) -> None:
    """Mark an alarm that only starts or ends servers: ``alarms_of`` leaves it out, as nobody has to read it."""
    keep(alarm, _FOR_SCALING, True)


def mark_as_reached(topic: sns.ITopic) -> None:
    """Mark a topic whose policy, and that of its key, let CloudWatch publish already."""
    keep(topic, _REACHED, True)


def alarms_of(scope: Construct) -> list[cloudwatch.Alarm]:
    """Return the alarms below a construct, for a composite alarm or a dashboard; without those that only scale.

    Args:
        scope: A pattern, or a whole stack.
    """
    alarms = [child for child in scope.node.find_all() if isinstance(child, cloudwatch.Alarm)]
    return [alarm for alarm in alarms if kept(alarm, _FOR_SCALING) is None]


@once
def notifying(topic: sns.ITopic) -> "actions.SnsAction":
    """Return the action that notifies a topic, one for all of its alarms."""
    # Imported here: most applications of this library's data classes never make an alarm.
    from aws_cdk import aws_cloudwatch_actions as actions

    if not Resource.is_owned_resource(topic):
        Annotations.of(topic).add_warning_v2(
            "cdp-constructs:ImportedAlarmTopic",
            "The policy of an imported topic is not changed. Make sure that it lets cloudwatch.amazonaws.com publish, "
            "and that the policy of its customer-managed key, if it has one, lets it use the key.",
        )
    elif topic.master_key is not None and kept(topic, _REACHED) is None:
        let_service_use_key(topic, topic.master_key, "cloudwatch.amazonaws.com")
    return actions.SnsAction(topic)
