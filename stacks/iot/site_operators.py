"""The operators of sites: each receives what the devices of its site report, such as a sensor that has failed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs import FanoutNotification

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns

    from cdp_constructs import DeviceFleet, FanoutSubscriber


class SiteOperators(Construct):
    """Delivers what a device reports on ``dt/<app>/<site>/<thing>/alert`` to the operators of this site.

    Attributes:
        notification: Add further subscribers here, such as one for a single device.
        subscribers: The subscriber whose queue the operators poll, by site.
        policies: What the operators of a site may do, by site; attach it to their role.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        fleet: "DeviceFleet",
        sites: Sequence[str],
        encryption_key: "kms.IKey | None",
        alarm_topic: "sns.ITopic",
    ) -> None:
        super().__init__(scope, construct_id)
        self.notification = FanoutNotification(
            self, "Reports", fleet=fleet, kind="alert", encryption_key=encryption_key, alarm_topic=alarm_topic
        )
        self.subscribers = {site: self.notification.add_subscriber(site, contexts=[site]) for site in sites}
        self.policies = {site: self._add_policy(site, subscriber) for site, subscriber in self.subscribers.items()}

    def _add_policy(self, site: str, subscriber: "FanoutSubscriber") -> iam.ManagedPolicy:
        statements = [allow_taking(subscriber)]
        key = self.notification.encryption_key
        if key is not None:
            statements.append(iam.PolicyStatement(actions=["kms:Decrypt"], resources=[key.key_arn]))
        # CloudFormation replaces a managed policy whose description changes, and people would lose what they may do.
        description = f"Take what devices of {site} report"
        return iam.ManagedPolicy(self, f"Policy{site}", description=description, statements=statements)


def allow_taking(subscriber: "FanoutSubscriber") -> iam.PolicyStatement:
    """Return what people need to take messages from the queue of a subscriber."""
    return iam.PolicyStatement(
        actions=["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"],
        resources=[subscriber.queue.queue_arn],
    )
