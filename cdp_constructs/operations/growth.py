"""Alarms on dead-letter queues that grow: a queue that is not empty hides the next failure."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute
from cdp_constructs.core.queues import metric_dead_letters
from cdp_constructs.operations.dashboards import StackContents

__all__ = ["add_growth_alarms"]

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create-alarm-on-metric-math-expression.html
_MOST_METRICS = 10


@checks_options
def add_growth_alarms(
    scope: Construct, construct_id: str, contents: StackContents, *, alarm_topic: sns.ITopic
) -> list[cloudwatch.Alarm]:
    """Add alarms for dead-letter queues that held messages already and receive more, one for each ten queues.

    The alarm of a dead-letter queue stays in ALARM state until it is empty, for 14 days at most: without these alarms
    nobody is notified of what fails meanwhile. They are raised by each minute with further failures, and notify of no
    recovery. Call this before the composite alarm and the dashboard, which have them too.

    Args:
        scope: The finished stack.
        construct_id: Id of the first one's scope inside it; the others have a number behind it.
        contents: What the stack has. The queues are those with an alarm of their own; the new alarms are added to it.
        alarm_topic: Receives the alarms.
    """
    watched = [
        queue
        for _, queue in sorted(contents.queues.items())
        if queue.node.scope is not None and queue.node.scope.node.try_find_child(f"{queue.node.id}Alarm") is not None
    ]
    added = []
    for start in range(0, len(watched), _MOST_METRICS):
        number = start // _MOST_METRICS + 1
        queues = watched[start : start + _MOST_METRICS]
        metrics = {f"q{at}": metric_dead_letters(queue) for at, queue in enumerate(queues)}
        # More than a minute ago, when there was something already: the first failure has an alarm of its own.
        grown = (f"IF(DIFF({name}) > 0 AND {name} > DIFF({name}), DIFF({name}), 0)" for name in metrics)
        place = Construct(scope, construct_id if number == 1 else f"{construct_id}{number}")
        alarm = add_alarm(
            place,
            "GrowthAlarm",
            cloudwatch.MathExpression(
                expression=f"SUM([{', '.join(grown)}])",
                using_metrics=dict(metrics),
                period=minute(),
                label="Messages added to dead-letter queues that were not empty",
            ),
            alarm_topic=alarm_topic,
            notify_recovery=False,
            description=f"{path_of(place)}: a dead-letter queue that held messages already received more of them. List "
            "the queues; what fails now may have another cause than what failed first.",
        )
        if alarm is not None:
            added.append(alarm)
    contents.alarms += added
    return added
