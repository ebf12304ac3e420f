"""The operators' view of the chat: one alarm for a Region, and a dashboard."""

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from cdp_constructs.core.periods import minute
from stacks import operations
from stacks.operations import graph

if TYPE_CHECKING:
    from aws_cdk import Stack
    from aws_cdk import aws_sns as sns

    from cdp_constructs import AuthorizedApi, DeepHealthCheck, RealtimeChannels
    from stacks.chat.attachments import Attachments
    from stacks.chat.messages import Messages

RUNBOOKS = "docs/runbooks"


def add_operations(
    stack: "Stack",
    *,
    alarm_topic: "sns.ITopic",
    api: "AuthorizedApi",
    channels: "RealtimeChannels",
    messages: "Messages",
    attachments: "Attachments",
    health: "DeepHealthCheck",
) -> None:
    """Add the composite alarm and the dashboard to a Region's stack, which must be complete.

    The dashboard has what users notice on top, what waits and what failed below, then the functions.
    """
    contents = operations.Contents(stack)
    operations.add_any_alarm(
        stack, "RegionAlarm", contents.alarms, alarm_topic=alarm_topic, what="this Region", folder=RUNBOOKS
    )
    behind = messages.publisher.metric("IteratorAge", period=minute(), statistic="max")
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
                    channels.metric_rejected(),
                    channels.metric_publish_errors(),
                    width=12,
                ),
            ],
            [
                graph("Events published", messages.fanout.metric_published(period=minute())),
                graph("Behind the table, ms", behind),
                graph(
                    "Uploads",
                    attachments.upload.metric_accepted(),
                    attachments.upload.metric_rejected(),
                    attachments.thumbnails.metric_made(),
                    attachments.thumbnails.metric_rejected(),
                ),
            ],
            [
                *operations.queue_graphs(contents.queues),
                graph(
                    "Health: failing dependencies",
                    health.metric_hard_failures(),
                    health.metric_soft_failures(),
                ),
            ],
            [*operations.function_row(contents.functions)],
        ],
    )
