"""The IoT system in its Region."""

from typing import TYPE_CHECKING, Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs import BatchWarehouse, Broadcast, DeviceFleet, IotAccountSettings, PointToPoint
from cdp_constructs.core.runbooks import use_runbooks
from stacks.alarms import add_alarms
from stacks.iot.alerts import Alerts
from stacks.iot.operations import RUNBOOKS, add_operations
from stacks.iot.reactions import Reactions
from stacks.iot.requests import Requests
from stacks.iot.site_operators import SiteOperators, allow_taking
from stacks.iot.telemetry import Telemetry

if TYPE_CHECKING:
    from stacks.iot.config import IotConfiguration

APP = "sensors"
"""The application level of the devices' topics."""


class IotStack(Stack):
    """The fleet, its telemetry in two layers, alerts with tickets, commands, and the operators' view.

    Attributes:
        alarms: The topic of the system's own alarms.
        account_settings: What AWS IoT has once per account and Region; None without ``account_settings``.
        fleet: The devices.
        telemetry: Both layers.
        alerts: The fan-out of alerts, tickets, and the webhook.
        reactions: What devices have switched on while a threshold is crossed; None when no threshold switches anything.
        site_operators: What devices report, for the operators of their sites.
        commands: Commands for one device.
        broadcasts: Commands for a site, or for all devices.
        requests: What issues of Backlog ask devices; None without ``backlog_url``.
        warehouse: All measurements in Redshift; None without ``warehouse_capacity``.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, configuration: "IotConfiguration", **kwargs: Any
    ) -> None:
        super().__init__(scope, construct_id, description="IoT", termination_protection=True, **kwargs)
        use_runbooks(self, configuration.runbook_base_url or RUNBOOKS)
        self.alarms = add_alarms(self, configuration.alarm_email, option="iot.alarm_email")
        alarm_topic = self.alarms.topic
        self.account_settings = (
            IotAccountSettings(self, "AccountSettings", alarm_topic=alarm_topic)
            if configuration.account_settings
            else None
        )
        self.fleet = DeviceFleet(self, "Fleet", app=APP, contexts=configuration.sites, alarm_topic=alarm_topic)
        for arn in configuration.claim_certificate_arns:
            self.fleet.add_claim_certificate(f"Claim{arn[-8:]}", certificate_arn=arn)
        self.telemetry = Telemetry(
            self, "Telemetry", fleet=self.fleet, configuration=configuration, alarm_topic=alarm_topic
        )
        self.alerts = Alerts(
            self,
            "Alerts",
            topic=self.telemetry.speed.topic,
            thresholds=configuration.thresholds,
            tracker_url=configuration.tracker_url,
            operator_email=configuration.operator_email,
            alarm_topic=alarm_topic,
        )
        self.reactions = (
            Reactions(
                self,
                "Reactions",
                alerts=self.alerts.fanout,
                speed=self.telemetry.speed,
                thresholds=configuration.thresholds,
            )
            if any(threshold.switches for threshold in configuration.thresholds)
            else None
        )
        self.site_operators = SiteOperators(
            self,
            "SiteOperators",
            fleet=self.fleet,
            sites=configuration.operated_sites,
            encryption_key=self.alerts.fanout.encryption_key,
            alarm_topic=alarm_topic,
        )
        self.commands = PointToPoint(self, "Commands", fleet=self.fleet, alarm_topic=alarm_topic)
        self.broadcasts = Broadcast(self, "Broadcasts", fleet=self.fleet, alarm_topic=alarm_topic)
        self.requests = (
            Requests(
                self,
                "Requests",
                backlog_url=configuration.backlog_url,
                command_function=self.commands.command_function,
                alarm_topic=alarm_topic,
            )
            if configuration.backlog_url is not None
            else None
        )
        self.warehouse = (
            BatchWarehouse(
                self,
                "Warehouse",
                batch=self.telemetry.batch,
                base_capacity=configuration.warehouse_capacity,
                alarm_topic=alarm_topic,
            )
            if configuration.warehouse_capacity is not None
            else None
        )
        operators = self._add_operators()
        add_operations(
            self,
            alarm_topic=alarm_topic,
            fleet=self.fleet,
            telemetry=self.telemetry,
            commands=self.commands,
            webhook=self.alerts.webhook,
        )
        self._add_outputs(operators)

    def _add_operators(self) -> iam.ManagedPolicy:
        """Add the policy of the people who operate the fleet; attach it to their role."""
        statements = [
            iam.PolicyStatement(
                actions=["lambda:InvokeFunction"],
                resources=[
                    self.commands.command_function.function_arn,
                    self.broadcasts.function.function_arn,
                    self.telemetry.history_function.function_arn,
                ],
            ),
            allow_taking(self.alerts.operators),
        ]
        if self.alerts.fanout.encryption_key is not None:
            key = self.alerts.fanout.encryption_key.key_arn
            statements.append(iam.PolicyStatement(actions=["kms:Decrypt"], resources=[key]))
        # CloudFormation replaces a managed policy whose description changes, and people would lose what they may do.
        description = "Tell devices something, and take alerts"
        return iam.ManagedPolicy(self, "OperatorsPolicy", description=description, statements=statements)

    def _add_outputs(self, operators: iam.ManagedPolicy) -> None:
        outputs = {
            "AllowListName": self.fleet.table.table_name,
            "ProvisioningTemplate": self.fleet.provisioning_template.ref,
            "ClaimPolicy": self.fleet.claim_policy.ref,
            "WebhookUrl": self.alerts.webhook.url,
            "WebhookSecretArn": self.alerts.webhook.secret.secret_arn,
            "OperatorsPolicyArn": operators.managed_policy_arn,
            "OperatorsQueueUrl": self.alerts.operators.queue.queue_url,
            "CommandFunctionName": self.commands.command_function.function_name,
            "BroadcastFunctionName": self.broadcasts.function.function_name,
            "HistoryFunctionName": self.telemetry.history_function.function_name,
            **{
                f"OperatorsQueueUrl{site}": subscriber.queue.queue_url
                for site, subscriber in self.site_operators.subscribers.items()
            },
            **{
                f"OperatorsPolicyArn{site}": policy.managed_policy_arn
                for site, policy in self.site_operators.policies.items()
            },
            **(
                {
                    "BacklogWebhookUrl": self.requests.webhook.url,
                    "BacklogWebhookSecretArn": self.requests.webhook.secret.secret_arn,
                    "BacklogApiKeyArn": self.requests.api_key.secret_arn,
                }
                if self.requests is not None
                else {}
            ),
            **{f"Group{site}": name for site, name in self.fleet.group_names.items()},
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=str(value))
