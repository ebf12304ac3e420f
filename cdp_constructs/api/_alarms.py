"""The alarms of an API: it answers with errors, and it answers slowly."""

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.cdk import sns
from cdp_constructs.core.paths import path_of


def add_api_alarms(
    scope: Construct,
    *,
    server_errors: cloudwatch.Metric,
    latency: cloudwatch.Metric,
    alarm_topic: "sns.ITopic | None",
    after_errors: str,
    after_latency: str,
) -> None:
    """Add ``ServerErrorsAlarm`` and ``LatencyAlarm``.

    Args:
        scope: The pattern.
        server_errors: Answers 5xx in a minute: five in each of two minutes are too many.
        latency: Milliseconds, 99th percentile of a minute: 2,000 in each of five minutes are too many.
        alarm_topic: Receives them; None leaves them out.
        after_errors: What to do first.
        after_latency: What to do first.
    """
    where = path_of(scope).removesuffix("/Default")
    add_alarm(
        scope,
        "ServerErrorsAlarm",
        server_errors,
        alarm_topic=alarm_topic,
        threshold=5,
        evaluation_periods=2,
        description=f"{where}: the API answers 5xx. {after_errors}",
    )
    add_alarm(
        scope,
        "LatencyAlarm",
        latency,
        alarm_topic=alarm_topic,
        threshold=2000,
        evaluation_periods=5,
        description=f"{where}: one request in a hundred takes 2 s or longer. {after_latency}",
    )
