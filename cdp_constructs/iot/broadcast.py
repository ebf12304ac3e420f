"""Broadcast: one command for a group of devices, at once or as a staged rollout."""

import json

from aws_cdk import Duration, Names, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.cdk import cloudwatch, lambda_, sns
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.permissions import allow_on_prefixes
from cdp_constructs.iot.topics import EVERYONE

__all__ = ["Broadcast"]

# AWS takes job ids of 64 characters, of which a UUID and a hyphen are 37.
_LONGEST_PREFIX = 27


@checks_options
class Broadcast(Construct):
    """Sends one command to all devices of a context, or of a fleet: at once by MQTT, or staged by AWS IoT Jobs.

    CDP: none. AWS: a topic that each device of a group subscribes to; AWS IoT Jobs. The requests to ``function`` are
    on the pattern's page.

        broadcast = Broadcast(self, "Broadcast", fleet=fleet, alarm_topic=operators)
        broadcast.grant_broadcast(operator_role)
    """

    function: "lambda_.Function"
    """Broadcasts, and creates, describes and cancels jobs."""
    job_prefix: str
    """The beginning of the ids of its jobs."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        fleet: "cdp_constructs.DeviceFleet",
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Add the function.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            fleet: The devices.
            alarm_topic: Receives the alarm of failed calls. Default: no alarm.
            log_retention: How long the function's logs are kept.
            removal_policy: What happens to the logs when the stack is deleted.

        Raises:
            InvalidOptionError: for an alarm topic of another Region.
        """
        super().__init__(scope, construct_id)
        self.job_prefix = Names.unique_resource_name(self, max_length=_LONGEST_PREFIX, allowed_special_characters="_-")
        groups = {EVERYONE: fleet.group, **fleet.groups}
        self.function = add_function(
            self,
            "Function",
            handler="iot/broadcasts",
            description="Sends commands to many devices, at once or staged",
            invocation=Invocation.REQUEST,
            correlates=True,
            environment={
                "APP": fleet.topics.app,
                "GROUPS": json.dumps({context: group.attr_arn for context, group in groups.items()}),
                "JOB_PREFIX": self.job_prefix,
            },
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        stack = stack_of(self)
        topics = [fleet.topics.broadcast(context) for context in groups]
        self.function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["iot:Publish"],
                resources=[stack.format_arn(service="iot", resource="topic", resource_name=topic) for topic in topics],
            )
        )
        jobs = stack.format_arn(service="iot", resource="job", resource_name=f"{self.job_prefix}-*")
        allow_on_prefixes(
            self.function,
            "Jobs",
            [
                iam.PolicyStatement(
                    actions=["iot:CreateJob"], resources=[jobs, *(group.attr_arn for group in groups.values())]
                ),
                iam.PolicyStatement(actions=["iot:DescribeJob", "iot:CancelJob"], resources=[jobs]),
            ],
            prefixes=[jobs],
            reason="The ids of this construct's own jobs begin so; each job gets a random end.",
        )
        add_alarm(
            self,
            "ErrorsAlarm",
            self.metric_errors(),
            alarm_topic=alarm_topic,
            description=f"{path_of(self)}: calls of the broadcast function failed. Look at its logs: a permission is "
            "missing, or a quota of AWS IoT is used up.",
        )

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def grant_broadcast(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a role or another function broadcast and roll out, by invoking ``function``."""
        return self.function.grant_invoke(grantee)

    def metric_errors(self, *, period: "Duration | None" = None) -> "cloudwatch.Metric":
        """Calls of the function that failed; a caller's mistake is answered and does not count. Period: 5 minutes."""
        return self.function.metric_errors(period=period or minutes(5), statistic="sum")
