"""What systems have in common for whoever is woken up: a topic, a page for every alarm, one state, and graphs.

Alarms get their page as they are made; the rest is put together last, from the finished stack: an alarm, a queue or a
function that it gets tomorrow is on its dashboard and in its composite alarm without a line here. Tests hold that it
also has its place in the system's runbooks.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs import SnsSqsFanout
from cdp_constructs.core.alarms import name_runbooks
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minute
from cdp_constructs.core.queues import add_dead_letter_queue

__all__ = [
    "Alarms",
    "Contents",
    "add_any_alarm",
    "add_mail",
    "alarm_row",
    "function_row",
    "graph",
    "queue_graphs",
    "runbook_of",
]

_Kind = TypeVar("_Kind", bound=Construct)


class Alarms(Construct):
    """The topic that a system's alarms in a Region go to, encrypted with a key that CloudWatch may use.

    Args:
        scope: The stack.
        construct_id: Id inside it.
        email: Who gets them by mail.
        runbooks: The folder of the pages that the alarms' descriptions name, such as ``docs/runbooks``.

    Attributes:
        topic: Give it to patterns as ``alarm_topic``.
    """

    def __init__(self, scope: Construct, construct_id: str, *, email: str | None, runbooks: str) -> None:
        super().__init__(scope, construct_id)
        fanout = SnsSqsFanout(self, "Fanout")
        stack = stack_of(self)
        alarms = stack.format_arn(
            service="cloudwatch", resource="alarm", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        fanout.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"), source_arn=alarms)
        self.topic = fanout.topic
        name_runbooks(self.topic, lambda alarm_id: runbook_of(alarm_id, runbooks))
        if email is not None:
            add_mail(self, topic=self.topic, email=email, alarm_topic=self.topic, holds="alarms")


def add_mail(scope: Construct, *, topic: sns.ITopic, email: str, alarm_topic: sns.ITopic, holds: str) -> None:
    """Mail what a topic says to an address, once its owner has confirmed; what could not be mailed is kept.

    Args:
        scope: Gets the subscription ``Mail`` and the queue ``MailFailures``.
        topic: What is mailed.
        email: Where to.
        alarm_topic: Hears of what could not be mailed.
        holds: What the mails are, such as "alarms".
    """
    sns.Subscription(
        scope,
        "Mail",
        topic=topic,
        protocol=sns.SubscriptionProtocol.EMAIL,
        endpoint=email,
        dead_letter_queue=add_dead_letter_queue(
            scope, "MailFailures", alarm_topic=alarm_topic, holds=f"{holds} that could not be mailed"
        ),
    )


class Contents:
    """What operators look at in a finished stack. Asked for at once: a stack is a thousand constructs.

    Attributes:
        alarms: All but composite ones.
        queues: By their place in the stack, as alarms and runbooks name it.
        functions: Likewise.
    """

    def __init__(self, stack: Stack) -> None:
        constructs = stack.node.find_all()
        within = f"{path_of(stack)}/"

        def by_place(kind: type[_Kind]) -> dict[str, _Kind]:
            return {path_of(item).removeprefix(within): item for item in constructs if isinstance(item, kind)}

        self.alarms = [item for item in constructs if isinstance(item, cloudwatch.Alarm)]
        self.queues = by_place(sqs.Queue)
        self.functions = by_place(lambda_.Function)


def runbook_of(construct_id: str, folder: str) -> str:
    """Return the page of an alarm, by its construct id: ``DeadLetterQueueAlarm`` has ``dead-letter-queue.md``."""
    kind = construct_id.rpartition("-")[2].removesuffix("Alarm")
    return f"{folder}/{re.sub(r'(?<!^)(?=[A-Z])', '-', kind).lower()}.md"


def add_any_alarm(
    stack: Stack,
    construct_id: str,
    alarms: Sequence[cloudwatch.Alarm],
    *,
    alarm_topic: sns.ITopic,
    what: str,
    folder: str,
) -> cloudwatch.CompositeAlarm:
    """Add one alarm that is on while any other is: its second mail is the all-clear.

    Args:
        stack: The finished stack.
        construct_id: Id inside it, which also names its page.
        alarms: All others.
        alarm_topic: Receives it.
        what: What the alarms are of, such as "this Region".
        folder: Where the pages are.
    """
    # Imported here, as it is in the patterns: whoever has no alarm topic never needs it.
    from aws_cdk import aws_cloudwatch_actions as actions

    description = f"{stack.stack_name}: something in {what} needs somebody; the other alarms say what. It is over "
    composite = cloudwatch.CompositeAlarm(
        stack,
        construct_id,
        alarm_rule=cloudwatch.AlarmRule.any_of(*alarms),
        alarm_description=f"{description}when all of them are. Runbook: {runbook_of(construct_id, folder)}",
    )
    action = actions.SnsAction(alarm_topic)
    composite.add_alarm_action(action)
    composite.add_ok_action(action)
    return composite


def alarm_row(alarms: Sequence[cloudwatch.Alarm]) -> cloudwatch.IWidget:
    """Return the row of all alarms, the last change first."""
    return cloudwatch.AlarmStatusWidget(
        title="Alarms",
        alarms=list(alarms),
        width=24,
        height=4,
        sort_by=cloudwatch.AlarmStatusWidgetSortBy.STATE_UPDATED_TIMESTAMP,
    )


def queue_graphs(queues: Mapping[str, sqs.Queue]) -> tuple[cloudwatch.GraphWidget, cloudwatch.GraphWidget]:
    """Return how old what waits in queues is, and how much waits in those for failures."""
    waiting, failed = [], []
    for place, queue in queues.items():
        if queue.dead_letter_queue is None:
            metric = queue.metric_approximate_number_of_messages_visible
            failed.append(metric(period=minute(), statistic="max", label=place))
        else:
            metric = queue.metric_approximate_age_of_oldest_message
            waiting.append(metric(period=minute(), statistic="max", label=place))
    return graph("Oldest waiting, s", *waiting), graph("Failed, waiting for a person", *failed)


def function_row(
    functions: Mapping[str, lambda_.Function],
) -> tuple[cloudwatch.GraphWidget, cloudwatch.GraphWidget]:
    """Return the row of errors and throttles of functions."""

    def all_of(metric: str) -> "list[cloudwatch.Metric]":
        return [
            function.metric(metric, period=minute(), statistic="sum", label=place)
            for place, function in functions.items()
        ]

    return (
        graph("Functions: errors", *all_of("Errors"), width=12),
        graph("Functions: throttles", *all_of("Throttles"), width=12),
    )


def graph(title: str, *metrics: cloudwatch.IMetric, width: int = 8) -> cloudwatch.GraphWidget:
    """Return a graph of a dashboard; a row is 24 wide."""
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=width, height=6)
