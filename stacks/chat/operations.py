"""Whom the chat tells when something is wrong, where they look first, and which page tells them what to do."""

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from cdp_constructs.core.periods import minute
from stacks import operations
from stacks.operations import graph

if TYPE_CHECKING:
    from stacks.chat.regional_stack import RegionalStack

RUNBOOKS = "docs/runbooks"


def add_operations(stack: "RegionalStack") -> None:
    """Give a finished Region its composite alarm and its dashboard."""
    contents = operations.Contents(stack)
    operations.add_any_alarm(
        stack, "RegionAlarm", contents.alarms, alarm_topic=stack.alarms.topic, what="this Region", folder=RUNBOOKS
    )
    _add_dashboard(stack, contents)


def _add_dashboard(stack: "RegionalStack", contents: operations.Contents) -> None:
    """What users notice on top, what waits and what failed below, then what the functions say."""
    api, channels = stack.api.authorized, stack.live.channels
    behind = stack.messages.publisher.metric("IteratorAge", period=minute(), statistic="max")
    cloudwatch.Dashboard(
        stack,
        "Dashboard",
        default_interval=Duration.hours(3),
        widgets=[
            [operations.alarm_row(contents.alarms)],
            [
                graph("Requests", api.metric_requests()),
                graph("Errors", api.metric_server_errors(), api.metric_client_errors()),
                graph("Latency, ms", api.metric_latency().with_(statistic="p50"), api.metric_latency()),
            ],
            [
                graph("Connections", channels.metric_connections(), channels.metric_connected(), width=12),
                graph(
                    "Live: errors",
                    channels.metric_connect_errors(),
                    channels.metric_publish_refused(),
                    channels.metric_publish_errors(),
                    width=12,
                ),
            ],
            [
                graph("Events published", stack.messages.fanout.metric_published(period=minute())),
                graph("Behind the table, ms", behind),
                graph(
                    "Uploads",
                    stack.attachments.upload.metric_accepted(),
                    stack.attachments.upload.metric_rejected(),
                    stack.attachments.thumbnails.metric_made(),
                    stack.attachments.thumbnails.metric_rejected(),
                ),
            ],
            [
                *operations.queue_graphs(contents.queues),
                graph(
                    "Health: failing dependencies",
                    stack.health.metric_hard_failures(),
                    stack.health.metric_soft_failures(),
                ),
            ],
            [*operations.function_row(contents.functions)],
        ],
    )
