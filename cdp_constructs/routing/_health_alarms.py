"""The alarms of a health check, one for each way in which a Region can fail."""

import cdp_constructs
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.cdk import sns
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute


def add_health_alarms(check: "cdp_constructs.DeepHealthCheck", alarm_topic: "sns.ITopic | None") -> None:
    """Add an alarm for hard failures, one for soft ones, and one for the checker's own, or none without a topic."""
    if alarm_topic is None:
        return
    from aws_cdk import aws_cloudwatch as cloudwatch

    where = f"{path_of(check)}: {{}} The log of its function has the details."
    add_alarm(
        check,
        "HardFailureAlarm",
        check.metric_hard_failures(),
        alarm_topic=alarm_topic,
        description=where.format("a hard dependency fails; the deep health route answers 503."),
    )
    add_alarm(
        check,
        "SoftFailureAlarm",
        check.metric_soft_failures(),
        alarm_topic=alarm_topic,
        evaluation_periods=5,
        description=where.format("a soft dependency has been failing for 5 minutes; the Region still serves."),
    )
    add_alarm(
        check,
        "CheckerErrorAlarm",
        cloudwatch.MathExpression(
            expression="FILL(own, 0) + FILL(crashes, 0)",
            using_metrics={"own": check.metric_checker_errors(), "crashes": check.function.metric_errors()},
            period=minute(),
            label="Errors of the checker",
        ),
        alarm_topic=alarm_topic,
        description=where.format("the checker itself fails and answers 200 for what it cannot judge."),
    )
