"""The alarm of a speed layer whose records are rejected: by how many senders, as one of them can send any number."""

from aws_cdk import Names
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.cdk import sns
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minutes

# What the function logs with each rejected record: the message, and the partition key as `sender`.
_MESSAGE = "Sent to the dead-letter queue"


def add_rejection_alarm(
    scope: Construct, function: lambda_.Function, *, senders: int, alarm_topic: "sns.ITopic | None"
) -> None:
    """Add a rule of Contributor Insights that counts the senders of rejected records, and an alarm on their number.

    Args:
        scope: The speed layer.
        function: Logs each rejected record.
        senders: From how many senders within 5 minutes the alarm is raised.
        alarm_topic: Receives the alarm; None leaves out both.
    """
    if alarm_topic is None:
        return
    rule = cloudwatch.CfnInsightRule(
        scope,
        "RejectedSenders",
        # At most 128 characters: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_InsightRule.html
        rule_name=Names.unique_resource_name(scope, max_length=128, allowed_special_characters="-_"),
        rule_state="ENABLED",
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/ContributorInsights-RuleSyntax.html
        rule_body=stack_of(scope).to_json_string(
            {
                "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
                "LogGroupNames": [function.log_group.log_group_name],
                "LogFormat": "JSON",
                "Contribution": {"Keys": ["$.sender"], "Filters": [{"Match": "$.message", "In": [_MESSAGE]}]},
                "AggregateOn": "Count",
            }
        ),
    )
    contributors = cloudwatch.MathExpression(
        expression=f"INSIGHT_RULE_METRIC('{rule.rule_name}', 'UniqueContributors')",
        using_metrics={},
        label="Senders of rejected records",
        period=minutes(5),
    )
    alarm = add_alarm(
        scope,
        "RejectedRecordsAlarm",
        contributors,
        alarm_topic=alarm_topic,
        threshold=senders,
        description=f"{path_of(scope)}: records of {senders} or more senders could not be read or recorded within 5 "
        "minutes. They are in the dead-letter queue of records, with the reason; correct the senders' program.",
    )
    if alarm is not None:
        alarm.node.add_dependency(rule)
