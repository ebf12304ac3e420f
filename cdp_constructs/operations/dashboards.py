"""A dashboard that is put together from a finished stack: whatever is added to the stack later is on it, too."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minute
from cdp_constructs.core.runbooks import runbook_of
from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["StackContents", "add_dashboard"]

_Kind = TypeVar("_Kind", bound=Construct)
_ROW = 24


@checks_options
class StackContents:
    """The alarms, queues, functions and log groups of a finished stack, found with one walk over its construct tree.

        contents = StackContents(self)
        add_composite_alarm(self, "SystemAlarm", contents.alarms, alarm_topic=alarms.topic, what="this system")
        add_dashboard(self, "Dashboard", contents, rows=[[graph("Requests", api.metric_requests())]])

    Attributes:
        alarms: All but composite ones.
        queues: By their path in the stack, which alarms and runbooks name.
        functions: Likewise.
        topics: Likewise.
        log_groups: Those that the stack makes, likewise.
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
        self.topics = by_path(sns.Topic)
        self.log_groups = by_path(logs.CfnLogGroup)
        self._within = within

    def alarm(self, path: str) -> cloudwatch.Alarm:
        """Return the alarm at a path in the stack, for the line of its threshold in a graph."""
        by_path = {path_of(alarm).removeprefix(self._within): alarm for alarm in self.alarms}
        if path not in by_path:
            near = get_close_matches(path, by_path, n=3) or sorted(by_path)[:3]
            fix = f"Use the path of an alarm in the stack, such as {', '.join(near)}" if near else "Make an alarm first"
            raise InvalidOptionError(self._within.removesuffix("/"), "path", f"is {path!r}", fix)
        return by_path[path]


@checks_options
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
            [_links(contents, stack_of(scope))],
            *(list(row) for row in rows),
            [*_queue_graphs(contents.queues), *beside_queues],
            [*_function_graphs(contents.functions)],
            [*_shared_graphs(contents.topics)],
        ],
    )


def graph(
    title: str,
    *metrics: cloudwatch.IMetric,
    width: int = 8,
    alarms: Sequence[cloudwatch.Alarm] = (),
    region: str | None = None,
) -> cloudwatch.GraphWidget:
    """Return a graph for a row of a dashboard, which is 24 wide.

    Args:
        title: What it shows, with the unit.
        metrics: Its lines.
        width: Up to 24.
        alarms: Their thresholds are drawn as lines.
        region: Where the metrics are; by default the dashboard's Region.
    """
    return cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        left_annotations=[alarm.to_annotation() for alarm in alarms],
        width=width,
        height=6,
        region=region,
    )


def _links(contents: StackContents, stack: Stack) -> cloudwatch.TextWidget:
    """Return links to the runbooks of the alarms, where they are addresses, to deployments, and to functions' logs."""
    region = stack.region
    pages = sorted({page for alarm in contents.alarms if (page := _page_of(alarm)) is not None})
    links = [f"[{page.rpartition('/')[2].removesuffix('.md')}]({page})" for page in pages if "://" in page]
    folder = sorted({page.rpartition("/")[0] for page in pages if "://" not in page})
    runbooks = " · ".join(links or [f"`{name}`" for name in folder]) or "none"
    console = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logsV2:log-groups/log-group/"
    logs = [
        # The console wants a name's slashes as percent codes, twice; names that CloudFormation gives have none.
        f"[{_readable(path)}]({console}{_log_group(function)})"
        for path, function in contents.functions.items()
    ]
    events = (
        f"https://{region}.console.aws.amazon.com/cloudformation/home?region={region}#/stacks/events"
        f"?stackId={stack.stack_id}"
    )
    deployments = f"[events of the stack, newest first]({events})"
    return cloudwatch.TextWidget(
        markdown=f"**Runbooks** {runbooks}\n\n**Deployments** {deployments}\n\n**Logs** {' · '.join(logs) or 'none'}",
        width=_ROW,
        height=4,
    )


def _log_group(function: lambda_.Function) -> str:
    # Not function.log_group, which adds a custom resource where the function has no log group of its own.
    resource: lambda_.CfnFunction = function.node.default_child  # type: ignore[assignment]  # its only L1
    configuration: Any = resource.logging_config
    group = configuration.log_group if configuration is not None else None
    return str(group or f"$252Faws$252Flambda$252F{function.function_name}")


def _page_of(alarm: cloudwatch.Alarm) -> str | None:
    return runbook_of(alarm, alarm.node.id)


def _readable(path: str) -> str:
    """Return a function's name for people: the CDK calls the function of its custom resources by a hash."""
    return "AwsCustomResource (deployment)" if re.fullmatch(r"AWS[0-9a-f]{32}", path) else path


def _shared_graphs(topics: Mapping[str, sns.Topic]) -> tuple[cloudwatch.GraphWidget, cloudwatch.GraphWidget]:
    """Return what SNS could not deliver, and how much of the account's concurrency is used: all systems share it."""
    failed = [
        topic.metric_number_of_notifications_failed(period=minute(), statistic="sum", label=path)
        for path, topic in topics.items()
    ]
    concurrency = cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name="ConcurrentExecutions",
        statistic="max",
        period=minute(),
        label="all functions of the account",
    )
    return (
        graph("SNS: not delivered", *failed, width=_ROW // 2),
        graph("Lambda: concurrent executions of the account and Region", concurrency, width=_ROW // 2),
    )


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
            function.metric(metric, period=minute(), statistic="sum", label=_readable(path))
            for path, function in functions.items()
        ]

    return (
        graph("Functions: errors", *all_of("Errors"), width=_ROW // 2),
        graph("Functions: throttles", *all_of("Throttles"), width=_ROW // 2),
    )
