"""Notices by mail, push and Web Push for members who are away, as each of them chose."""

from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ses as ses
from constructs import Construct

from cdp_constructs import Notifications, QueueConsumer, WebPush
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.periods import seconds
from stacks.chat import HANDLERS

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns

    from cdp_constructs import SnsSqsFanout, StateSharing, TokenIssuer, VapidKeys
    from stacks.chat.config import NoticesConfiguration

# Filled by `make install`, which synthesis does not do by itself.
WEB_PUSH_LAYER = Path(__file__).parents[2] / "build" / "layers" / "web-push"


class Notices(Construct):
    """Notifies absent members of the messages that this Region accepted; the other Regions do so for theirs.

    Attributes:
        notifications: Sends, at once or as a digest.
        notifier: Finds the members who are absent.
        subscriber: The subscriber of the fan-out that the notifier works for.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        configuration: "NoticesConfiguration",
        web_address: str,
        unsubscribe_url: str,
        issuer: "TokenIssuer",
        vapid_keys: "VapidKeys | None",
        table: dynamodb.ITableV2,
        state: "StateSharing",
        fanout: "SnsSqsFanout",
        alarm_topic: "sns.ITopic",
    ) -> None:
        super().__init__(scope, construct_id)
        region = stack_of(self).region
        self.notifications = Notifications(
            self,
            "Notifications",
            identity=ses.EmailIdentity.from_email_identity_name(self, "Identity", configuration.identity),
            sender=configuration.sender,
            unsubscribe_url=unsubscribe_url,
            issuer=issuer,
            platform_applications=configuration.platform_applications.get(region),
            web_push=self._web_push(configuration, vapid_keys),
            table=table,
            alarm_topic=alarm_topic,
        )
        self.notifier = self._add_notifier(table, web_address)
        state.share_with(self.notifier, groups=["ROOM"], read_only=True)
        self.notifications.grant_notify(self.notifier)
        # Every Region publishes every message; the one that accepted it notifies who is away.
        self.subscriber = fanout.add_subscriber(
            "Notices", consumer=QueueConsumer(self.notifier), filter_policy={"kind": ["message"], "region": [region]}
        )

    def _web_push(self, configuration: "NoticesConfiguration", vapid_keys: "VapidKeys | None") -> WebPush | None:
        if vapid_keys is None:
            return None
        return WebPush(
            WebPush.layer_from_folder(self, "WebPushLayer", WEB_PUSH_LAYER),
            contact=f"mailto:{configuration.address}",
            keys=vapid_keys,
            push_services=configuration.push_services,
        )

    def _add_notifier(self, table: dynamodb.ITableV2, web_address: str) -> "lambda_.Function":
        function = add_function(
            self,
            "Notifier",
            handler=HANDLERS / "notifier",
            shares=["domain"],
            description="Finds the members who are away when a message comes",
            invocation=Invocation.EVENT_SOURCE,
            correlates=True,
            environment={
                "TABLE_NAME": table.table_name,
                "WEB_ADDRESS": web_address,
                "NOTICES_QUEUE": self.notifications.queue.queue_url,
            },
            memory_size=512,
            timeout=seconds(30),
        )
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"],
                resources=[table.table_arn],
                # Rooms with their members, and the authors' names.
                conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ROOM#*", "USER#*"]}},
            )
        )
        return function
