"""A dashboard that is put together from a finished stack: whatever is added to the stack later is on it, too."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute

__all__ = ["StackContents", "add_dashboard"]

_Kind = TypeVar("_Kind", bound=Construct)
_ROW = 24


@checks_options
class StackContents:
    """The alarms, queues and functions of a finished stack, found with one walk over its construct tree.

        contents = StackContents(self)
        add_composite_alarm(self, "SystemAlarm", contents.alarms, alarm_topic=alarms.topic, what="this system")
        add_dashboard(self, "Dashboard", contents, rows=[[graph("Requests", api.metric_requests())]])

    Attributes:
        alarms: All but composite ones.
        queues: By their path in the stack, which alarms and runbooks name.
        functions: Likewise.
    """

    def __init__(self, stack: Stack) -> None:
        """Walk over the construct tree of a stack that is complete."""
        constructs = stack.node.find_all()
        within = f"{path_of(stack)}/"

        def by_path(kind: type[_Kind]) -> dict[str, _Kind]:
            return {path_of(item).removeprefix(within): item for item in constructs if isinstance(item, kind)}

        self.alarms = [item for item in constructs if isinstance(item, cloudwatch.Alarm)]
        self.queues = by_path(sqs.Queue)
        self.functions = by_path(lambda_.Function)


def add_dashboard(
    scope: Construct,
    construct_id: str,
    contents: StackContents,
    *,
    rows: Sequence[Sequence[cloudwatch.IWidget]],
    beside_queues: Sequence[cloudwatch.IWidget] = (),
) -> cloudwatch.Dashboard:
    """Add a dashboard: all alarms, then the rows of the system, then all queues, then all functions.

    Args:
        scope: The stack.
        construct_id: Id inside it.
        contents: What the stack has.
        rows: What this system is watched by, each row up to 24 wide.
        beside_queues: Graphs in the row of the queues, up to 8 wide together.
    """
    return cloudwatch.Dashboard(
        scope,
        construct_id,
        default_interval=Duration.hours(3),
        widgets=[
            [_alarm_status(contents.alarms)],
            *(list(row) for row in rows),
            [*_queue_graphs(contents.queues), *beside_queues],
            [*_function_graphs(contents.functions)],
        ],
    )


def graph(title: str, *metrics: cloudwatch.IMetric, width: int = 8) -> cloudwatch.GraphWidget:
    """Return a graph for a row of a dashboard, which is 24 wide."""
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=width, height=6)


def _alarm_status(alarms: Sequence[cloudwatch.Alarm]) -> cloudwatch.IWidget:
    """Return the state of all alarms, the last change first."""
    return cloudwatch.AlarmStatusWidget(
        title="Alarms",
        alarms=list(alarms),
        width=_ROW,
        height=4,
        sort_by=cloudwatch.AlarmStatusWidgetSortBy.STATE_UPDATED_TIMESTAMP,
    )


def _queue_graphs(queues: Mapping[str, sqs.Queue]) -> tuple[cloudwatch.GraphWidget, cloudwatch.GraphWidget]:
    """Return the age of the oldest message of each queue, and the number of messages in each dead-letter queue."""
    waiting, failed = [], []
    for path, queue in queues.items():
        if queue.dead_letter_queue is None:
            metric = queue.metric_approximate_number_of_messages_visible
            failed.append(metric(period=minute(), statistic="max", label=path))
        else:
            metric = queue.metric_approximate_age_of_oldest_message
            waiting.append(metric(period=minute(), statistic="max", label=path))
    return graph("Oldest message, s", *waiting), graph("Messages in dead-letter queues", *failed)


def _function_graphs(
    functions: Mapping[str, lambda_.Function],
) -> tuple[cloudwatch.GraphWidget, cloudwatch.GraphWidget]:
    def all_of(metric: str) -> list[cloudwatch.Metric]:
        return [
            function.metric(metric, period=minute(), statistic="sum", label=path)
            for path, function in functions.items()
        ]

    return (
        graph("Functions: errors", *all_of("Errors"), width=_ROW // 2),
        graph("Functions: throttles", *all_of("Throttles"), width=_ROW // 2),
    )
