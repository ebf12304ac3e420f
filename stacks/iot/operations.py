"""The operators' view of the IoT system: one alarm for all of it, saved log queries, and a dashboard."""

from typing import TYPE_CHECKING

from aws_cdk import aws_cloudwatch as cloudwatch

from cdp_constructs.core.periods import minute
from cdp_constructs.operations.alarm_topic import add_composite_alarm
from cdp_constructs.operations.dashboards import StackContents, add_dashboard, graph
from cdp_constructs.operations.growth import add_growth_alarms
from cdp_constructs.operations.log_queries import add_log_queries

if TYPE_CHECKING:
    from aws_cdk import Stack
    from aws_cdk import aws_sns as sns

    from cdp_constructs import DeviceFleet, PointToPoint, WebhookAutomation
    from stacks.iot.telemetry import Telemetry

RUNBOOKS = "docs/runbooks/iot"


def add_operations(
    stack: "Stack",
    *,
    alarm_topic: "sns.ITopic",
    fleet: "DeviceFleet",
    telemetry: "Telemetry",
    commands: "PointToPoint",
    webhook: "WebhookAutomation",
) -> None:
    """Add the composite alarm, the saved queries and the dashboard to the system's stack, which must be complete."""
    contents = StackContents(stack)
    add_growth_alarms(stack, "DeadLetters", contents, alarm_topic=alarm_topic)
    add_composite_alarm(stack, "SystemAlarm", contents.alarms, alarm_topic=alarm_topic, what="this system")
    speed, batch = telemetry.speed, telemetry.batch
    rules = (_matched(rule.rule.rule_name, kind) for kind, rule in telemetry.rules.items())
    add_log_queries(stack, "LogQueries", contents)
    add_dashboard(
        stack,
        "Dashboard",
        contents,
        rows=[
            [
                graph("Devices: connections", _iot("Connect.Success"), _iot("Connect.AuthError")),
                graph("Devices: messages in, out", _iot("PublishIn.Success"), _iot("PublishOut.Success")),
                graph(
                    "Devices: refused",
                    _iot("PublishIn.AuthError"),
                    _iot("Subscribe.AuthError"),
                    fleet.metric_rejected(),
                ),
            ],
            [
                graph("Measurements, by rule", *rules),
                graph(
                    "Speed layer: behind, ms",
                    speed.metric_lag(),
                    alarms=[contents.alarm("Telemetry/Speed/BehindAlarm")],
                ),
                graph(
                    "Batch layer: oldest not in S3, s",
                    batch.metric_lag(),
                    alarms=[contents.alarm("Telemetry/Batch/FreshnessAlarm")],
                ),
            ],
            [
                graph(
                    "Speed layer: rejected, duplicate, late",
                    speed.metric_rejected(),
                    speed.metric_duplicates(),
                    speed.metric_too_late(),
                ),
                graph("Commands: timed out, rejected", commands.metric_timed_out(), commands.metric_rejected()),
                graph("Webhook", webhook.metric_accepted(), webhook.metric_rejected()),
            ],
        ],
        beside_queues=[graph("Batch layer: does not fit the schema", batch.metric_rejected())],
    )


def _iot(name: str) -> cloudwatch.Metric:
    """Return a metric of AWS IoT for all MQTT clients of the account and Region, per minute."""
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
