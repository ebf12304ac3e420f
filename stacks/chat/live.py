"""Live delivery: events of rooms, pushed to their connected members."""

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs import QueueConsumer, RealtimeChannels
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import seconds
from stacks.chat import HANDLERS
from stacks.chat.handlers.domain.resources import NAMESPACE

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns

    from cdp_constructs import SnsSqsFanout, TokenIssuer


class Live(Construct):
    """The live channels of one Region, their publisher, and who may subscribe to them.

    Attributes:
        channels: The Events API; its clients learn the address from ``POST /session``.
        subscriptions: Decides who may subscribe to a room's channel.
        delivery: The subscriber of the fan-out that publishes to the channels.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table: dynamodb.ITableV2,
        fanout: "SnsSqsFanout",
        issuer: "TokenIssuer",
        max_delivery_lag: int | None,
        alarm_topic: "sns.ITopic",
    ) -> None:
        super().__init__(scope, construct_id)
        self.channels = RealtimeChannels(self, "Channels", issuer=issuer, alarm_topic=alarm_topic)
        self.subscriptions = self._add_subscriptions(table)
        self.channels.add_namespace(NAMESPACE, subscribe_handler=self.subscriptions)
        # What is let in until the API knows waits behind it: with three times the load that can be worked, the first
        # refusal comes when a new message would wait four times as long as the one that was published last.
        late = None if max_delivery_lag is None else Duration.millis(max_delivery_lag * 1000 // 4)
        lag_table = None if late is None else table
        publisher = self.channels.add_publisher("Publisher", lag_table=lag_table, max_lag=late)
        # At once, not in a window: a person waits. Under load batches fill by themselves.
        self.delivery = fanout.add_subscriber("Live", consumer=QueueConsumer(publisher))
        add_alarm(
            self,
            "LateAlarm",
            self.delivery.metric_lag(),
            alarm_topic=alarm_topic,
            threshold=60,  # seconds
            evaluation_periods=3,
            description=f"{path_of(self)}: members get messages a minute late or more. Look at the publisher's errors "
            "and throttles, and at the quotas of AppSync.",
        )

    def _add_subscriptions(self, table: dynamodb.ITableV2) -> "lambda_.Function":
        function = add_function(
            self,
            "Subscriptions",
            handler=HANDLERS / "subscriptions",
            shares=["domain"],
            description="Decides who may subscribe to a room of the chat",
            invocation=Invocation.REQUEST,
            environment={"TABLE_NAME": table.table_name},
            memory_size=512,
            timeout=seconds(10),
        )
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["dynamodb:GetItem"],
                resources=[table.table_arn],
                conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ROOM#*"]}},
            )
        )
        return function
