"""The operators' view of the chat: one alarm for a Region, saved log queries, and a dashboard."""

from typing import TYPE_CHECKING

from cdp_constructs.operations.alarm_topic import add_composite_alarm
from cdp_constructs.operations.dashboards import StackContents, add_dashboard, graph
from cdp_constructs.operations.growth import add_growth_alarms
from cdp_constructs.operations.log_queries import add_log_queries
from stacks.chat import dashboard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import Stack
    from aws_cdk import aws_sns as sns

    from cdp_constructs import AuthorizedApi, DeepHealthCheck, Notifications, RealtimeChannels, TokenIssuer
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
    table_name: str,
    other_regions: "Sequence[str]",
    issuer: "TokenIssuer",
    notifications: "Notifications | None",
) -> None:
    """Add the composite alarm, the saved queries and the dashboard to a Region's stack, which must be complete.

    The dashboard has what users notice on top, then what the chat depends on, then the queues and the functions.
    """
    contents = StackContents(stack)
    add_growth_alarms(stack, "DeadLetters", contents, alarm_topic=alarm_topic)
    add_composite_alarm(stack, "RegionAlarm", contents.alarms, alarm_topic=alarm_topic, what="this Region")
    add_log_queries(stack, "LogQueries", contents)
    add_dashboard(
        stack,
        "Dashboard",
        contents,
        rows=[
            dashboard.api_row(contents, api),
            dashboard.live_row(channels),
            dashboard.messages_row(contents, messages, attachments),
            dashboard.table_row(contents, table_name, other_regions),
            dashboard.people_row(issuer, attachments.delivery, notifications),
        ],
        beside_queues=[
            graph(
                "Health: failing dependencies",
                health.metric_hard_failures(),
                health.metric_soft_failures(),
            )
        ],
    )
