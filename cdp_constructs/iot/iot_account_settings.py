"""IotAccountSettings: what AWS IoT has once per account and Region."""

from typing import Any, Literal

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.cdk import cloudwatch, sns
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["IotAccountSettings"]

LogLevel = Literal["ERROR", "WARN", "INFO", "DEBUG"]

_CHILD_OF_STACK = "IotAccountSettingsMade"
_LOG_GROUP = "AWSIotLogsV2"
_CHECKS = {
    "ca_certificate_expiring_check": "CA_CERTIFICATE_EXPIRING_CHECK",
    "ca_certificate_key_quality_check": "CA_CERTIFICATE_KEY_QUALITY_CHECK",
    "conflicting_client_ids_check": "CONFLICTING_CLIENT_IDS_CHECK",
    "device_certificate_expiring_check": "DEVICE_CERTIFICATE_EXPIRING_CHECK",
    "device_certificate_key_quality_check": "DEVICE_CERTIFICATE_KEY_QUALITY_CHECK",
    "device_certificate_shared_check": "DEVICE_CERTIFICATE_SHARED_CHECK",
    "iot_policy_overly_permissive_check": "IOT_POLICY_OVERLY_PERMISSIVE_CHECK",
    "logging_disabled_check": "LOGGING_DISABLED_CHECK",
    "revoked_ca_certificate_still_active_check": "REVOKED_CA_CERTIFICATE_STILL_ACTIVE_CHECK",
    "revoked_device_certificate_still_active_check": "REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK",
}
_REFUSED = {"Connect": "connections", "PublishIn": "messages", "Subscribe": "subscriptions"}
_REFUSALS_THAT_ALARM = 10


@checks_options
class IotAccountSettings(Construct):
    """Logging, audits and the fleet index of AWS IoT: what an account has once per Region, shared by all fleets.

    It adds the log group ``AWSIotLogsV2`` (AWS chose the name), a daily Device Defender audit, the fleet
    index of things, shadows, groups and connectivity, and alarms for refused connections, messages and subscriptions.

        IotAccountSettings(self, "Iot", log_level="WARN", alarm_topic=operators)
    """

    log_group: logs.LogGroup | None
    """The log group, None without logging."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        log_level: LogLevel | None = "ERROR",
        audit: bool = True,
        indexing: bool = True,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Add the settings; leave out what the account has already.

        When the stack is deleted, logging and audits go with it; the index stays as it is.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            log_level: What is logged for every thing. None leaves logging as it is.
            audit: Whether to configure and run audits ($0.0011 per certificate and month, us-east-1).
            indexing: Whether to configure the index ($2.25 per million updates, $0.05 per 10,000 queries, us-east-1).
            alarm_topic: Receives the alarms and the findings of audits. Default: neither.
            log_retention: How long logs are kept.
            removal_policy: What happens to the log group when the stack is deleted. CloudFormation cannot create one
                that exists: delete a kept one before the stack is deployed again. A creation that is rolled back keeps
                none.

        Raises:
            InvalidOptionError: for a second one in a stack, and an alarm topic of another Region.
        """
        super().__init__(scope, construct_id)
        stack = stack_of(self)
        if stack.node.try_find_child(_CHILD_OF_STACK) is not None:
            problem = f"is in stack {stack.node.path}, which has account-wide settings already"
            raise InvalidOptionError(self, "scope", problem, "Add them once per account and Region")
        Construct(stack, _CHILD_OF_STACK)
        self._log_retention = log_retention
        self.log_group = self._log(log_level, removal_policy) if log_level is not None else None
        if audit:
            self._audit(alarm_topic)
        if indexing:
            self._index()
        for operation, what in _REFUSED.items():
            self._alarm(operation, what, alarm_topic)

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def _log(self, level: LogLevel, removal_policy: RemovalPolicy) -> logs.LogGroup:
        stack = stack_of(self)
        group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=_LOG_GROUP,
            retention=self._log_retention,
            # A kept group would stop the next try: its name is AWS's, and CloudFormation creates none that exists.
            removal_policy=(
                RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if removal_policy == RemovalPolicy.RETAIN else removal_policy
            ),
        )
        role = self._role("LoggingRole")
        group.grant_write(role)
        iot.CfnLogging(
            self, "Logging", account_id=stack.account, default_log_level=level, role_arn=role.role_arn
        ).node.add_dependency(role)
        return group

    def _audit(self, alarm_topic: "sns.ITopic | None") -> None:
        role = self._role("AuditRole")
        policy = "service-role/AWSIoTDeviceDefenderAudit"
        role.add_managed_policy(iam.ManagedPolicy.from_aws_managed_policy_name(policy))
        acknowledge(
            role,
            f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{policy}]",
            "Reads what audits check; AWS extends it when it adds checks.",
        )
        checks: dict[str, Any] = {check: {"enabled": True} for check in _CHECKS}
        configuration = iot.CfnAccountAuditConfiguration(
            self,
            "Audit",
            account_id=stack_of(self).account,
            role_arn=role.role_arn,
            audit_check_configurations=iot.CfnAccountAuditConfiguration.AuditCheckConfigurationsProperty(**checks),
            audit_notification_target_configurations=self._notify(alarm_topic),
        )
        daily = iot.CfnScheduledAudit(
            self, "DailyAudit", frequency="DAILY", target_check_names=sorted(_CHECKS.values())
        )
        daily.node.add_dependency(configuration)

    def _notify(
        self, alarm_topic: "sns.ITopic | None"
    ) -> iot.CfnAccountAuditConfiguration.AuditNotificationTargetConfigurationsProperty | None:
        if alarm_topic is None:
            return None
        role = self._role("NotificationRole")
        role.add_to_policy(iam.PolicyStatement(actions=["sns:Publish"], resources=[alarm_topic.topic_arn]))
        if alarm_topic.master_key is not None:
            alarm_topic.master_key.grant(role, *USE_KEY)
        target = iot.CfnAccountAuditConfiguration.AuditNotificationTargetProperty(
            enabled=True, role_arn=role.role_arn, target_arn=alarm_topic.topic_arn
        )
        return iot.CfnAccountAuditConfiguration.AuditNotificationTargetConfigurationsProperty(sns=target)

    def _index(self) -> None:
        # CloudFormation has no type for it.
        from aws_cdk import custom_resources as cr

        call = cr.AwsSdkCall(
            service="iot",
            action="UpdateIndexingConfiguration",
            parameters={
                "thingIndexingConfiguration": {
                    "thingIndexingMode": "REGISTRY_AND_SHADOW",
                    "thingConnectivityIndexingMode": "STATUS",
                },
                "thingGroupIndexingConfiguration": {"thingGroupIndexingMode": "ON"},
            },
            physical_resource_id=cr.PhysicalResourceId.of("IndexingConfiguration"),
        )
        resource = cr.AwsCustomResource(
            self,
            "Index",
            resource_type="Custom::IotIndexing",
            on_create=call,
            on_update=call,
            policy=cr.AwsCustomResourcePolicy.from_statements(
                [iam.PolicyStatement(actions=["iot:UpdateIndexingConfiguration"], resources=["*"])]
            ),
            install_latest_aws_sdk=False,
            memory_size=256,
            timeout=minutes(1),
            log_group=logs.LogGroup(
                self,
                "IndexLogs",
                retention=self._log_retention,
                # Of a function that only runs during deployments.
                removal_policy=RemovalPolicy.DESTROY,
            ),
        )
        acknowledge(
            resource,
            "AwsSolutions-IAM5[Resource::*]",
            "The index is the account's; the action has no resources to name.",
        )
        _acknowledge_provider(stack_of(self))

    def _alarm(self, operation: str, what: str, alarm_topic: "sns.ITopic | None") -> None:
        from aws_cdk import aws_cloudwatch as cloudwatch

        add_alarm(
            self,
            f"Refused{operation}Alarm",
            cloudwatch.Metric(
                namespace="AWS/IoT",
                metric_name=f"{operation}.AuthError",
                dimensions_map={"Protocol": "MQTT"},
                statistic="sum",
                period=minutes(5),
            ),
            alarm_topic=alarm_topic,
            threshold=_REFUSALS_THAT_ALARM,
            description=f"{path_of(self)}: many {what} were refused within 5 minutes. Look for the client ids in "
            f"the log group {_LOG_GROUP}: a policy is wrong, or somebody uses a device's name.",
        )

    def _role(self, construct_id: str) -> iam.Role:
        service = iam.ServicePrincipal("iot.amazonaws.com").with_conditions(
            {"StringEquals": {"aws:SourceAccount": stack_of(self).account}}
        )
        return iam.Role(self, construct_id, assumed_by=service)


def _acknowledge_provider(stack: Stack) -> None:
    """Acknowledge the function that the CDK adds for every AwsCustomResource of a stack."""
    from aws_cdk import custom_resources as cr

    provider = stack.node.find_child(f"AWS{cr.AwsCustomResource.PROVIDER_FUNCTION_UUID.replace('-', '')}")
    managed = "Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    acknowledge(provider, f"AwsSolutions-IAM4[{managed}]", "CDK's own function: it may write its logs, nothing else.")
    reason = "CloudFormation calls it during a deployment, waits for its answer, and fails the deployment without one."
    acknowledge(provider, ["Serverless-LambdaDLQ", "Serverless-LambdaTracing"], reason)
