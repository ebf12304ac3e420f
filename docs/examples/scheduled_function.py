"""A report is written every morning at seven, Tokyo time."""

from pathlib import Path

from aws_cdk import Duration, Stack, TimeZone
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns

from cdp_constructs import ScheduledFunction


def build(stack: Stack) -> ScheduledFunction:
    """Add the function that writes the report, and its schedule, to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    operators.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
    report = lambda_.Function(
        stack,
        "Report",
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(Path(__file__).parent / "daily_report")),
        log_group=logs.LogGroup(stack, "ReportLogs", retention=logs.RetentionDays.THREE_MONTHS),
        logging_format=lambda_.LoggingFormat.JSON,
        timeout=Duration.minutes(2),
        tracing=lambda_.Tracing.ACTIVE,
    )
    at_seven = scheduler.ScheduleExpression.cron(hour="7", minute="0", time_zone=TimeZone.ASIA_TOKYO)
    return ScheduledFunction(
        stack,
        "DailyReport",
        function=report,
        schedule=at_seven,
        flexible_window=Duration.minutes(15),
        alarm_topic=operators,
    )
