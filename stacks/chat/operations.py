"""Whom the chat tells when something is wrong, and where they look first."""

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs import SnsSqsFanout
from cdp_constructs._defaults.queues import add_dead_letter_queue

if TYPE_CHECKING:
    from stacks.chat.regional_stack import RegionalStack


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


def add_dashboard(stack: "RegionalStack") -> cloudwatch.Dashboard:
    """Add the Region's dashboard: what users notice on top, what waits or failed below."""
    minute = Duration.minutes(1)
    api, messages, attachments = stack.api, stack.messages, stack.attachments
    subscribers = {"archive": messages.archive, "attachments": attachments.recorder}
    waiting = [
        subscriber.metric_oldest_message(period=minute).with_(label=name) for name, subscriber in subscribers.items()
    ]
    failed = [subscriber.metric_failed(period=minute).with_(label=name) for name, subscriber in subscribers.items()]
    failed.append(
        messages.failures.metric_approximate_number_of_messages_visible(period=minute, statistic="max", label="stream")
    )
    dashboard = cloudwatch.Dashboard(stack, "Dashboard", default_interval=Duration.hours(3))
    dashboard.add_widgets(
        _graph("Requests", api.authorized.metric_requests()),
        _graph(
            "Errors",
            api.authorized.metric_server_errors(),
            api.authorized.metric_client_errors(),
        ),
        _graph("Latency, ms", api.authorized.metric_latency("p50"), api.authorized.metric_latency("p99")),
    )
    dashboard.add_widgets(
        _graph("Messages published", messages.fanout.metric_published(period=minute)),
        _graph("Behind the table, ms", messages.publisher.metric("IteratorAge", period=minute, statistic="max")),
        _graph("Oldest waiting, s", *waiting),
    )
    dashboard.add_widgets(
        _graph("Failed, waiting for a person", *failed),
        _graph(
            "Functions: errors and throttles",
            api.function.metric_errors(period=minute),
            api.function.metric_throttles(period=minute),
        ),
        _graph(
            "Health: failing dependencies",
            stack.health.metric_hard_failures(),
            stack.health.metric_soft_failures(),
        ),
    )
    return dashboard


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=8, height=6)
