"""Whom the IoT system tells when something is wrong, where they look first, and which page tells them what to do."""

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from cdp_constructs.core.periods import minute
from stacks import operations
from stacks.operations import graph

if TYPE_CHECKING:
    from stacks.iot.iot_stack import IotStack

RUNBOOKS = "docs/runbooks/iot"


def add_operations(stack: "IotStack") -> None:
    """Give the finished system its composite alarm and its dashboard."""
    contents = operations.Contents(stack)
    operations.add_any_alarm(
        stack, "SystemAlarm", contents.alarms, alarm_topic=stack.alarms.topic, what="this system", folder=RUNBOOKS
    )
    speed, batch = stack.telemetry.speed, stack.telemetry.batch
    rules = (_matched(rule.rule.rule_name, kind) for kind, rule in stack.telemetry.rules.items())
    cloudwatch.Dashboard(
        stack,
        "Dashboard",
        default_interval=Duration.hours(3),
        widgets=[
            [operations.alarm_row(contents.alarms)],
            [
                graph("Devices: connections", _iot("Connect.Success"), _iot("Connect.AuthError")),
                graph("Devices: messages in, out", _iot("PublishIn.Success"), _iot("PublishOut.Success")),
                graph(
                    "Devices: refused",
                    _iot("PublishIn.AuthError"),
                    _iot("Subscribe.AuthError"),
                    stack.fleet.metric_refused(),
                ),
            ],
            [
                graph("Measurements, by rule", *rules),
                graph("Speed layer: behind, ms", speed.metric_lag()),
                graph("Batch layer: oldest not in S3, s", batch.metric_lag()),
            ],
            [
                graph(
                    "Speed layer: rejected, duplicate, late",
                    speed.metric_rejected(),
                    speed.metric_duplicates(),
                    speed.metric_too_late(),
                ),
                graph("Commands: nobody answered", stack.commands.metric_timed_out()),
                graph("Webhook", stack.alerts.webhook.metric_accepted(), stack.alerts.webhook.metric_rejected()),
            ],
            [
                *operations.queue_graphs(contents.queues),
                graph("Batch layer: does not fit the schema", batch.metric_rejected()),
            ],
            [*operations.function_row(contents.functions)],
        ],
    )


def _iot(name: str) -> cloudwatch.Metric:
    """Return what AWS IoT counts of all MQTT clients of the account and Region, per minute."""
    return cloudwatch.Metric(
        namespace="AWS/IoT", metric_name=name, dimensions_map={"Protocol": "MQTT"}, statistic="sum", period=minute()
    )


def _matched(rule_name: str, kind: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/IoT",
        metric_name="TopicMatch",
        dimensions_map={"RuleName": rule_name},
        statistic="sum",
        period=minute(),
        label=kind,
    )
