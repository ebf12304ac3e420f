"""The subscribers of alerts (operators, tickets, an archive), and the webhook of an issue tracker."""

from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs import QueueConsumer, SnsSqsFanout, WebhookAutomation, WebhookSource
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.periods import seconds
from cdp_constructs.core.permissions import allow_on_prefixes
from cdp_constructs.core.tables import add_table
from cdp_constructs.operations.alarm_topic import add_mail
from stacks.iot import HANDLERS
from stacks.iot.tracker_secrets import add_tracker_secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_lambda as lambda_

    from stacks.iot.config import Threshold

_ARCHIVE = "alerts/"


class Alerts(Construct):
    """Delivers alerts to operators, an archive and a ticket function, which also takes the issue tracker's webhook.

    Attributes:
        fanout: Add further subscribers here. A body is an alert of ``SpeedLayer``; message attributes: ``threshold``,
            ``state``, ``thing``, ``context``.
        operators: The subscriber whose queue operators poll.
        archive_bucket: Keeps every alert.
        tickets: The table of tickets, None when a tracker keeps them.
        tickets_function: Opens, updates and closes tickets.
        webhook: Receives events of the issue tracker.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        topic: sns.ITopic,
        thresholds: "Sequence[Threshold]",
        tracker_url: str | None,
        operator_email: str | None,
        alarm_topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self.fanout = SnsSqsFanout(self, "Fanout", topic=topic, alarm_topic=alarm_topic)
        silent = sorted(threshold.name for threshold in thresholds if not threshold.notifies)
        policy = {"threshold": [{"anything-but": silent}]} if silent else None
        self.operators = self.fanout.add_subscriber("Operators", filter_policy=policy)
        if operator_email is not None:
            add_mail(
                self,
                "Mail",
                topic=topic,
                email=operator_email,
                alarm_topic=alarm_topic,
                holds="alerts",
                filter_policy={"threshold": sns.SubscriptionFilter.string_filter(denylist=silent)} if silent else None,
            )
        self.archive_bucket = add_private_bucket(self, "ArchiveBucket")
        self.fanout.add_subscriber("Archive", consumer=QueueConsumer(self._make_archiver()), filter_policy=policy)
        self.tickets: dynamodb.ITableV2 | None = None if tracker_url else self._make_table()
        self.tickets_function = self._make_tickets_function(tracker_url)
        self.fanout.add_subscriber("Tickets", consumer=QueueConsumer(self.tickets_function), filter_policy=policy)
        self.webhook = WebhookAutomation(
            self,
            "Tracker",
            consumer=QueueConsumer(self.tickets_function),
            # Deliveries about one issue are worked on one after the other.
            source=WebhookSource.hmac_sha256(path="/webhooks/tracker", group_by="/issue/id"),
            alarm_topic=alarm_topic,
        )

    def _make_archiver(self) -> "lambda_.Function":
        archiver = add_function(
            self,
            "Archiver",
            handler=HANDLERS / "alert_archive",
            description="Keeps every alert as an object",
            invocation=Invocation.EVENT_SOURCE,
            correlates=True,
            environment={"BUCKET_NAME": self.archive_bucket.bucket_name, "KEY_PREFIX": _ARCHIVE},
        )
        objects = self.archive_bucket.arn_for_objects(f"{_ARCHIVE}*")
        allow_on_prefixes(
            archiver,
            "Archive",
            [iam.PolicyStatement(actions=["s3:PutObject"], resources=[objects])],
            prefixes=[objects],
            reason=f"The archiver may write any alert, and alerts only: their keys start with {_ARCHIVE}.",
        )
        return archiver

    def _make_table(self) -> dynamodb.TableV2:
        return add_table(
            self, "TicketTable", partition_key="ticket", expires=False, removal_policy=RemovalPolicy.RETAIN
        )

    def _make_tickets_function(self, tracker_url: str | None) -> "lambda_.Function":
        function = add_function(
            self,
            "TicketsFunction",
            handler=HANDLERS / "tickets",
            description="Opens, updates and closes tickets",
            invocation=Invocation.EVENT_SOURCE,
            correlates=True,
            timeout=seconds(60),
        )
        if self.tickets is not None:
            function.add_environment("TICKETS", self.tickets.table_name)
            function.add_to_role_policy(
                iam.PolicyStatement(actions=["dynamodb:UpdateItem"], resources=[self.tickets.table_arn])
            )
            return function
        token = add_tracker_secret(self, "TrackerToken", holds=f"Token for {tracker_url}", issuer="The tracker")
        function.add_environment("TRACKER_URL", str(tracker_url))
        function.add_environment("TRACKER_TOKEN", token.secret_arn)
        token.grant_read(function)
        return function
