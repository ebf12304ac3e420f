"""The operators' view of the chat: one alarm for a Region, and a dashboard."""

from typing import TYPE_CHECKING

from cdp_constructs.core.periods import minute
from cdp_constructs.operations.alarm_topic import add_composite_alarm
from cdp_constructs.operations.dashboards import StackContents, add_dashboard, graph

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

    The dashboard has what users notice on top, then the queues, then the functions.
    """
    contents = StackContents(stack)
    add_composite_alarm(stack, "RegionAlarm", contents.alarms, alarm_topic=alarm_topic, what="this Region")
    behind = messages.publisher.metric("IteratorAge", period=minute(), statistic="max")
    add_dashboard(
        stack,
        "Dashboard",
        contents,
        rows=[
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
        ],
        beside_queues=[
            graph(
                "Health: failing dependencies",
                health.metric_hard_failures(),
                health.metric_soft_failures(),
            )
        ],
    )
