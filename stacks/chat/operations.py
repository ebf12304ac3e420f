"""Whom the chat tells when something is wrong, where they look first, and which page tells them what to do.

Everything but the topic is put together last, from the finished stack: an alarm, a queue or a function that a Region
gets tomorrow is on its dashboard and in its composite alarm without a line here. A test holds that it also has its
place in ``docs/runbooks``.
"""

import re
from typing import TYPE_CHECKING, cast

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs import SnsSqsFanout
from cdp_constructs._defaults.queues import add_dead_letter_queue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stacks.chat.regional_stack import RegionalStack

RUNBOOKS = "docs/runbooks"
_MINUTE = Duration.minutes(1)


class Alarms(Construct):
    """The topic that a Region's alarms go to, encrypted with a key that CloudWatch may use.

    Attributes:
        topic: Give it to patterns as ``alarm_topic``.
    """

    def __init__(self, scope: Construct, construct_id: str, *, email: str | None) -> None:
        super().__init__(scope, construct_id)
        fanout = SnsSqsFanout(self, "Fanout")
        stack = Stack.of(self)
        alarms = stack.format_arn(
            service="cloudwatch", resource="alarm", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        fanout.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"), source_arn=alarms)
        self.topic = fanout.topic
        if email is not None:
            sns.Subscription(
                self,
                "Mail",
                topic=self.topic,
                protocol=sns.SubscriptionProtocol.EMAIL,
                endpoint=email,
                dead_letter_queue=add_dead_letter_queue(
                    self, "MailFailures", alarm_topic=self.topic, holds="alarms that could not be mailed"
                ),
            )


def add_operations(stack: "RegionalStack") -> None:
    """Give a finished Region its composite alarm and its dashboard, and every alarm its page."""
    alarms = name_runbooks(stack)
    _add_region_alarm(stack, alarms)
    _add_dashboard(stack, alarms)


def name_runbooks(stack: Stack) -> list[cloudwatch.Alarm]:
    """Name in the description of every alarm of a stack the page that says what to do, and return the alarms."""
    alarms = [item for item in stack.node.find_all() if isinstance(item, cloudwatch.Alarm)]
    for alarm in alarms:
        resource = cast("cloudwatch.CfnAlarm", alarm.node.default_child)
        resource.alarm_description = f"{resource.alarm_description} {_runbook(alarm.node.id)}"
    return alarms


def runbook_of(construct_id: str) -> str:
    """Return the page of an alarm, by its construct id: ``DeadLetterQueueAlarm`` has ``dead-letter-queue.md``."""
    kind = construct_id.rpartition("-")[2].removesuffix("Alarm")
    return f"{RUNBOOKS}/{re.sub(r'(?<!^)(?=[A-Z])', '-', kind).lower()}.md"


def _runbook(construct_id: str) -> str:
    return f"Runbook: {runbook_of(construct_id)}"


def _add_region_alarm(stack: "RegionalStack", alarms: "Sequence[cloudwatch.Alarm]") -> None:
    # Imported here, as it is in the patterns: whoever has no alarm topic never needs it.
    from aws_cdk import aws_cloudwatch_actions as actions

    description = f"{stack.stack_name}: something in this Region needs somebody; the other alarms say what. It is over "
    composite = cloudwatch.CompositeAlarm(
        stack,
        "RegionAlarm",
        alarm_rule=cloudwatch.AlarmRule.any_of(*alarms),
        alarm_description=f"{description}when all of them are. {_runbook('RegionAlarm')}",
    )
    action = actions.SnsAction(stack.alarms.topic)
    composite.add_alarm_action(action)
    composite.add_ok_action(action)


def _add_dashboard(stack: "RegionalStack", alarms: "Sequence[cloudwatch.Alarm]") -> None:
    """What users notice on top, what waits and what failed below, then what the functions say."""
    path = f"{stack.node.path}/"
    found = stack.node.find_all()
    # By their place in the stack, as alarms and runbooks name it.
    queues = {item.node.path.removeprefix(path): item for item in found if isinstance(item, sqs.Queue)}
    functions = {item.node.path.removeprefix(path): item for item in found if isinstance(item, lambda_.Function)}
    work = {place: queue for place, queue in queues.items() if queue.dead_letter_queue is not None}
    failed = {place: queue for place, queue in queues.items() if place not in work}
    api, channels = stack.api.authorized, stack.live.channels
    dashboard = cloudwatch.Dashboard(stack, "Dashboard", default_interval=Duration.hours(3))
    dashboard.add_widgets(
        cloudwatch.AlarmStatusWidget(
            title="Alarms",
            alarms=list(alarms),
            width=24,
            height=4,
            sort_by=cloudwatch.AlarmStatusWidgetSortBy.STATE_UPDATED_TIMESTAMP,
        )
    )
    dashboard.add_widgets(
        _graph("Requests", api.metric_requests()),
        _graph("Errors", api.metric_server_errors(), api.metric_client_errors()),
        _graph("Latency, ms", api.metric_latency("p50"), api.metric_latency("p99")),
    )
    dashboard.add_widgets(
        _graph("Connections", channels.metric_connections(), channels.metric_connected(), width=12),
        _graph(
            "Live: errors",
            channels.metric_connect_errors(),
            channels.metric_publish_refused(),
            channels.metric_publish_errors(),
            width=12,
        ),
    )
    dashboard.add_widgets(
        _graph("Events published", stack.messages.fanout.metric_published(period=_MINUTE)),
        _graph("Behind the table, ms", stack.messages.publisher.metric("IteratorAge", period=_MINUTE, statistic="max")),
        _graph(
            "Uploads",
            stack.attachments.upload.metric_accepted(),
            stack.attachments.upload.metric_rejected(),
            stack.attachments.thumbnails.metric_made(),
            stack.attachments.thumbnails.metric_unreadable(),
        ),
    )
    dashboard.add_widgets(
        _graph(
            "Oldest waiting, s",
            *(
                queue.metric_approximate_age_of_oldest_message(period=_MINUTE, statistic="max", label=place)
                for place, queue in work.items()
            ),
        ),
        _graph(
            "Failed, waiting for a person",
            *(
                queue.metric_approximate_number_of_messages_visible(period=_MINUTE, statistic="max", label=place)
                for place, queue in failed.items()
            ),
        ),
        _graph(
            "Health: failing dependencies", stack.health.metric_hard_failures(), stack.health.metric_soft_failures()
        ),
    )
    dashboard.add_widgets(
        _graph("Functions: errors", *_of_functions(functions, "Errors"), width=12),
        _graph("Functions: throttles", *_of_functions(functions, "Throttles"), width=12),
    )


def _of_functions(functions: "Mapping[str, lambda_.Function]", metric: str) -> "list[cloudwatch.Metric]":
    return [
        function.metric(metric, period=_MINUTE, statistic="sum", label=place) for place, function in functions.items()
    ]


def _graph(title: str, *metrics: cloudwatch.IMetric, width: int = 8) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=width, height=6)
