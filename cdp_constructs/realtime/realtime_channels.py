"""Realtime Channels over AppSync Events: members of a channel receive what is published to it, and nobody else."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_appsync as appsync
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.cdk import dynamodb, kms, sns
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import seconds
from cdp_constructs.realtime._alarms import add_errors_alarm
from cdp_constructs.realtime._channels import check_has_namespaces, check_namespace
from cdp_constructs.realtime._events_api import add_events_api, events_metric
from cdp_constructs.realtime._lag import check_lag, note_lag
from cdp_constructs.realtime.events_namespace import EventsNamespace, make_namespace


@checks_options
class RealtimeChannels(Construct):
    """Pushes events to the connected clients that may see them, over an AppSync Events API.

    CDP: Realtime Channels / リアルタイム チャネル パターン (a new one: the CDP collection predates managed WebSockets).

    Users connect with tokens of their user pool, a function of yours decides about each subscription, and only roles of
    the back end publish::

        channels = RealtimeChannels(self, "Channels", issuer=users.issuer, alarm_topic=operators)
        channels.add_namespace("rooms", subscribe_handler=room_membership)
        messages.add_subscriber("Live", consumer=QueueConsumer(channels.add_publisher("Publisher")))

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        issuer: Whose users may connect: ``SignInUserPool.issuer``, or ``TokenIssuer.of_user_pool(…)`` of a user pool of
            any stack, Region or account. Tokens of the pool's other app clients are refused.
        encryption_key: A customer-managed key for the logs. Default: CloudWatch Logs' own key.
        alarm_topic: Receives the alarms. Default: no alarms.
        log_retention: How long the API's log is kept (refused and failed requests, without their contents), and the
            publishers' logs. Default: three months.
        removal_policy: What happens to the logs when the stack is deleted. Default: kept.

    Raises:
        InvalidOptionError: for an issuer that is no user pool or has no audience, or an alarm topic of another Region.
    """

    transport: Literal["appsync-events"] = "appsync-events"
    """Tells clients which protocol to use."""
    issuer: "cdp_constructs.TokenIssuer"
    """Whose users may connect."""
    encryption_key: "kms.IKey | None"
    """Encrypts the logs; None for CloudWatch Logs' own key."""
    api: appsync.CfnApi
    """The Events API; ``api.attr_api_arn`` is what a web ACL is associated with."""
    log_group: logs.ILogGroup
    """The API's log."""
    http_endpoint: str
    """Where the back end publishes, ``https://…/event``; clients name its host when they authorize."""
    realtime_endpoint: str
    """Where clients connect, ``wss://…/event/realtime``."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        issuer: "cdp_constructs.TokenIssuer",
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        self.issuer = issuer
        self.encryption_key = encryption_key
        self._alarm_topic = alarm_topic
        self._log_retention = log_retention
        self._removal_policy = removal_policy
        self._namespaces: dict[str, EventsNamespace] = {}
        self.api, self.log_group = add_events_api(
            self,
            issuer=issuer,
            encryption_key=encryption_key,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        self.http_endpoint = f"https://{self.api.attr_dns_http}/event"
        self.realtime_endpoint = f"wss://{self.api.attr_dns_realtime}/event/realtime"
        self._add_alarms()

    @property
    def namespaces(self) -> Mapping[str, EventsNamespace]:
        """The namespaces by name."""
        return MappingProxyType(self._namespaces)

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms; empty without ``alarm_topic``."""
        return alarms_of(self)

    def add_namespace(self, name: str, *, subscribe_handler: lambda_.IFunction) -> EventsNamespace:
        """Add the channels ``/<name>/…``.

        Args:
            name: First segment of the channels: 1 to 50 letters, digits and dashes. It is also the construct id.
            subscribe_handler: Decides whether a user may subscribe to a channel; AppSync waits for its answer. It gets
                AppSync's own event: the user as ``identity`` (``sub``, ``claims``) and the channel as ``info.channel``
                (``path``, ``segments``). It returns None to accept; ``{"error": "why"}`` or an exception refuses. A
                client may ask for all channels below one with ``*`` as the last segment: accept only what is exactly a
                channel of the user's.

        Raises:
            InvalidOptionError: for a name that is not a segment, or is taken.
        """
        check_namespace(self, name, self._namespaces)
        namespace = make_namespace(
            Construct(self, name),
            self.api,
            name,
            subscribe_handler=subscribe_handler,
            alarm_topic=self._alarm_topic,
        )
        self._namespaces[name] = namespace
        return namespace

    def add_publisher(
        self,
        construct_id: str,
        *,
        lag_table: "dynamodb.ITable | None" = None,
        max_lag: Duration | None = None,
    ) -> lambda_.Function:
        """Add a consumer of a fan-out's queue that publishes its messages to the namespaces added so far.

        The message attribute ``channel`` says where to; the body, JSON of at most 240 KB, is the event. The order of a
        batch is kept in each channel. What AppSync does not accept is delivered again, and ends in the queue's
        dead-letter queue; so does what can never be published: no channel, no JSON, too large.

        Args:
            construct_id: Id inside this construct.
            lag_table: A table with the keys ``pk`` and ``sk`` (strings), where the publisher notes that it is late, so
                that what lets events in can refuse further ones: the item ``DELIVERY#<Region>``, ``LAG`` with
                ``late_until_ms``, which is in the past again three seconds after the last late event. Only with
                ``max_lag``. Default: it notes nothing.
            max_lag: 1 to 60 seconds from which on an event is late. It is counted from the message attribute
                ``sent_at`` (milliseconds since 1970), or from when the queue got the message.

        Raises:
            InvalidOptionError: when there is no namespace yet; for one of ``lag_table`` and ``max_lag`` without the
                other, a table of another Region or with other keys, or a lag out of range.
        """
        check_has_namespaces(self, "add_publisher", self._namespaces)
        check_lag(self, lag_table, max_lag)
        publisher = add_function(
            self,
            construct_id,
            handler="realtime/publishing",
            shares=["channels"],
            description=f"Publishes to the channels of {path_of(self)}",
            invocation=Invocation.EVENT_SOURCE,
            correlates=True,
            environment={"HTTP_DOMAIN": self.api.attr_dns_http},
            memory_size=512,
            timeout=seconds(30),
            log_encryption_key=self.encryption_key,
            log_retention=self._log_retention,
            removal_policy=self._removal_policy,
        )
        self.grant_publish(publisher)
        note_lag(publisher, lag_table, max_lag)
        return publisher

    def grant_publish(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a back end's role publish to the namespaces that were added so far.

        Raises:
            InvalidOptionError: when there is no namespace yet.
        """
        check_has_namespaces(self, "grant_publish", self._namespaces)
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["appsync:EventPublish"],
            resource_arns=[namespace.arn for namespace in self._namespaces.values()],
        )

    def metric_connections(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Connections that are open. Per minute by default."""
        return self._metric("ActiveConnections", period)

    def metric_connected(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """New connections; AppSync accepts 2,000 a second. Per minute by default."""
        return self._metric("ConnectSuccess", period)

    def metric_connect_errors(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Connections that failed because of AppSync. Per minute by default."""
        return self._metric("ConnectServerError", period)

    def metric_published(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Publish requests, each of up to 5 events. Per minute by default."""
        return self._metric("Requests", period)

    def metric_rejected(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Publish requests that were refused or throttled. Per minute by default."""
        return self._metric("4XXError", period)

    def metric_publish_errors(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Publish requests that failed because of AppSync. Per minute by default."""
        return self._metric("5XXError", period)

    def _metric(self, name: str, period: Duration | None) -> cloudwatch.Metric:
        return events_metric(name, {"EventAPIId": self.api.attr_api_id}, period)

    def _add_alarms(self) -> None:
        for construct_id, metric, description in (
            ("ConnectErrorsAlarm", self.metric_connect_errors(), "clients cannot connect. Look at the Region."),
            (
                "PublishErrorsAlarm",
                self.metric_publish_errors(),
                "AppSync fails to publish. The publisher retries; look at its queue's age and the Region's health.",
            ),
        ):
            add_errors_alarm(self, construct_id, metric, description, alarm_topic=self._alarm_topic)
