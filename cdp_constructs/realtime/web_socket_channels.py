"""Realtime Channels over an API Gateway WebSocket API, with a table of subscriptions."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.cdk import sns
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.periods import minute
from cdp_constructs.core.validation import check_exclusive
from cdp_constructs.realtime._alarms import add_errors_alarm
from cdp_constructs.realtime._channels import check_has_namespaces, check_issuer, check_namespace
from cdp_constructs.realtime._lag import check_lag, note_lag
from cdp_constructs.realtime._subscriptions_table import SubscriptionsTable
from cdp_constructs.realtime._web_socket_api import add_web_socket_api, grant_posting
from cdp_constructs.realtime._web_socket_functions import (
    add_authorizer_function,
    add_publishing_function,
    add_subscriptions_function,
)
from cdp_constructs.realtime._web_socket_namespace import WebSocketNamespace
from cdp_constructs.realtime.channel_namespace import ChannelNamespace


@checks_options
class WebSocketChannels(Construct):
    """Pushes events to the connected clients that may see them, over an API Gateway WebSocket API.

    CDP: Realtime Channels / リアルタイム チャネル パターン (a new one, like ``RealtimeChannels``).

    Users connect with tokens of their user pool, the same functions as for ``RealtimeChannels`` decide about
    subscriptions, and only roles of the back end publish::

        channels = WebSocketChannels(self, "Channels", issuer=users.issuer, alarm_topic=operators)
        channels.add_namespace("rooms", subscribe_handler=room_membership)
        messages.add_subscriber("Live", consumer=QueueConsumer(channels.add_publisher("Publisher")))

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        issuer: Whose users may connect: ``SignInUserPool.issuer``, or ``TokenIssuer.of_user_pool(…)`` of a user pool of
            any stack, Region or account. Tokens of the pool's other app clients are refused.
        table: An existing table for the subscriptions: partition key ``channel``, sort key ``connection`` (strings), an
            index ``ByConnection`` of partition key ``connection``, time to live by ``expires_at``. Default: a new one.
        encryption_key: A customer-managed key for the new table and the logs. Default: each service's own key.
        alarm_topic: Receives the alarms. Default: no alarms.
        log_retention: How long the functions' logs are kept: who connected, was refused, subscribed. Default: three
            months.
        removal_policy: What happens to the new table and the logs when the stack is deleted. Default: kept. The table
            holds open connections only, and these end with the API.

    Raises:
        InvalidOptionError: for an issuer that is no user pool, or without an audience, or an option for a new table
            together with an existing one, or a resource of another Region.
    """

    transport: Literal["apigateway-websocket"] = "apigateway-websocket"
    """Tells clients which protocol to use."""
    issuer: "cdp_constructs.TokenIssuer"
    """Whose users may connect."""
    api: apigatewayv2.IWebSocketApi
    """The WebSocket API."""
    stage: apigatewayv2.WebSocketStage
    """Its only stage."""
    log_group: logs.ILogGroup
    """What clients do over their connections: the log of ``subscriptions_function``."""
    table: dynamodb.ITable
    """The subscriptions."""
    encryption_key: kms.IKey | None
    """Encrypts what is made here; None for each service's own key."""
    authorizer_function: lambda_.Function
    """Verifies tokens."""
    subscriptions_function: lambda_.Function
    """Answers the routes."""
    http_endpoint: str
    """Where the back end posts to connections, ``https://…``."""
    realtime_endpoint: str
    """Where clients connect, ``wss://…``."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        issuer: "cdp_constructs.TokenIssuer",
        table: dynamodb.ITable | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        check_exclusive(self, {"table": table}, {"removal_policy": removal_policy})
        check_issuer(self, issuer)
        self.issuer = issuer
        self._alarm_topic = alarm_topic
        self._log_retention = log_retention
        self._removal_policy = removal_policy
        self._namespaces: dict[str, ChannelNamespace] = {}
        self.encryption_key = encryption_key
        self._subscriptions = (
            SubscriptionsTable.add(self, encryption_key=encryption_key, removal_policy=removal_policy)
            if table is None
            else SubscriptionsTable.existing(self, table)
        )
        self.table = self._subscriptions.table
        self.authorizer_function = add_authorizer_function(
            self,
            issuer=issuer,
            encryption_key=encryption_key,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        self.subscriptions_function = add_subscriptions_function(
            self,
            subscriptions=self._subscriptions,
            encryption_key=encryption_key,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        self.log_group = self.subscriptions_function.log_group
        self.stage = add_web_socket_api(
            self, authorizer=self.authorizer_function, subscriptions=self.subscriptions_function
        )
        self.api = self.stage.api
        self.http_endpoint = self.stage.callback_url
        self.realtime_endpoint = self.stage.url
        self._add_alarms()

    @property
    def namespaces(self) -> Mapping[str, ChannelNamespace]:
        """The namespaces by name."""
        return MappingProxyType(self._namespaces)

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms; empty without ``alarm_topic``."""
        return alarms_of(self)

    def add_namespace(self, name: str, *, subscribe_handler: lambda_.IFunction) -> ChannelNamespace:
        """Add the channels ``/<name>/…``.

        Args:
            name: First segment of the channels: 1 to 50 letters, digits and dashes.
            subscribe_handler: Decides whether a user may subscribe to a channel: the same function as for
                ``RealtimeChannels``, with the same event. Clients of this transport cannot ask for ``*``.

        Raises:
            InvalidOptionError: for a name that is not a segment, or is taken.
        """
        check_namespace(self, name, self._namespaces)
        namespace = WebSocketNamespace(name, subscribe_handler, self.stage, self._subscriptions)
        self._namespaces[name] = namespace
        handlers = {known: item.subscribe_handler.function_arn for known, item in self._namespaces.items()}
        self.subscriptions_function.add_environment("SUBSCRIBE_HANDLERS", stack_of(self).to_json_string(handlers))
        # Not grant_invoke(): it would also allow every version and alias of the function.
        self.subscriptions_function.add_to_role_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[subscribe_handler.function_arn])
        )
        return namespace

    def add_publisher(
        self,
        construct_id: str,
        *,
        lag_table: dynamodb.ITable | None = None,
        max_lag: Duration | None = None,
    ) -> lambda_.Function:
        """Add a consumer of a fan-out's queue that publishes its messages to all channels.

        The message attribute ``channel`` says where to; the body, JSON of at most about 128 KB, is the event. What
        could not be posted to a connection is delivered again, to all of the channel, and ends in the queue's
        dead-letter queue; so does what can never be published: no channel, no JSON, too large.

        Args:
            construct_id: Id inside this construct.
            lag_table: As for ``RealtimeChannels.add_publisher``.
            max_lag: As for ``RealtimeChannels.add_publisher``: 1 to 60 seconds.

        Raises:
            InvalidOptionError: when there is no namespace yet; for one of ``lag_table`` and ``max_lag`` without the
                other, a table of another Region or with other keys, or a lag out of range.
        """
        check_has_namespaces(self, "add_publisher", self._namespaces)
        check_lag(self, lag_table, max_lag)
        publisher = add_publishing_function(
            self,
            construct_id,
            stage=self.stage,
            subscriptions=self._subscriptions,
            encryption_key=self.encryption_key,
            log_retention=self._log_retention,
            removal_policy=self._removal_policy,
        )
        note_lag(publisher, lag_table, max_lag)
        return publisher

    def grant_publish(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a back end's role find the connections of channels, post to them, and remove those that are gone.

        The ARN of the connections ends with ``*``, because clients make them; cdk-nag asks for an acknowledgment of it
        where you grant.

        Raises:
            InvalidOptionError: when there is no namespace yet.
        """
        check_has_namespaces(self, "grant_publish", self._namespaces)
        return grant_posting(self.stage, grantee).combine(self._subscriptions.grant_finding(grantee))

    def metric_connected(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """New connections; API Gateway accepts 500 a second. Per minute by default."""
        return self._metric("ConnectCount", period)

    def metric_connect_errors(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Connections and requests whose function failed. Per minute by default."""
        return self._metric("IntegrationError", period)

    def metric_published(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Messages from and to clients, each of up to 32 KB. Per minute by default."""
        return self._metric("MessageCount", period)

    def metric_rejected(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Connections and requests that API Gateway refused: no valid token, throttled. Per minute by default."""
        return self._metric("ClientError", period)

    def _metric(self, name: str, period: Duration | None) -> cloudwatch.Metric:
        return self.stage.metric(name, period=period or minute(), statistic="sum")

    def _add_alarms(self) -> None:
        for construct_id, metric, description in (
            (
                "ConnectErrorsAlarm",
                self.metric_connect_errors(),
                "clients cannot connect or subscribe. Look at the errors and throttles of its functions.",
            ),
            (
                "AuthorizerErrorsAlarm",
                self.authorizer_function.metric_errors(period=minute()),
                "tokens cannot be verified. Is the user pool's Region available?",
            ),
            (
                "SubscriptionErrorsAlarm",
                self.subscriptions_function.metric_errors(period=minute()),
                "subscriptions fail. Look at its function's log, and at the table.",
            ),
        ):
            add_errors_alarm(self, construct_id, metric, description, alarm_topic=self._alarm_topic)
