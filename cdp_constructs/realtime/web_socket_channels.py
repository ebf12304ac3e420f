"""The second transport of Realtime Channels: an API Gateway WebSocket API with a table of subscriptions."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.functions import Invocation, add_function, allow_on_prefixes
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minute, minutes, seconds
from cdp_constructs.core.validation import check_exclusive
from cdp_constructs.realtime._channels import check_has_namespaces, check_namespace, client_ids, pool_region

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_cognito as cognito
    from aws_cdk import aws_sns as sns

_STAGE = "live"
_ACTIONS = ("subscribe", "unsubscribe", "ping")
_BY_CONNECTION = "ByConnection"
# All APIs of an account share 10,000 requests a second (burst 5,000) in a Region; clients of this one leave half of it.
_HALF = apigatewayv2.ThrottleSettings(rate_limit=5_000, burst_limit=2_500)
_ONLY_CONNECT = (
    "API Gateway authorizes WebSockets when they connect, and only then: this route is reached over a connection whose "
    "user the authorizer of $connect verified."
)
_NO_ACCESS_LOGS = (
    "Access logs of a WebSocket API need a role in the settings of the whole account, which a construct must not "
    "change. The functions log who connects, is refused, and subscribes."
)


class WebSocketChannels(Construct):
    """Push to connected clients through API Gateway: the same as ``RealtimeChannels``, with other limits and prices.

    CDP: Realtime Channels / リアルタイム チャネル パターン, a new one.

    Problem: as of ``RealtimeChannels``; and AppSync Events is not in the Region, or clients must speak plain WebSocket
    through a domain and rules that API Gateway has already. Solution: a WebSocket API. A function verifies the user's
    token when a client connects; another asks the same subscribe handlers as ``RealtimeChannels`` and keeps an item for
    each channel and connection; the publisher queries a channel's connections, never scans, and posts to each of them.
    Connections that are gone are removed when they say so, when a post finds them gone, and by expiry.

    API Gateway does not multicast: publishing to 1,000 members is 1,000 requests and 1,000 messages to pay. Do not use
    it for channels of more than some thousand members, or where 500 new connections a second are too few to come back
    from an outage: docs/decisions/0006 compares both.

    Limits: 500 new connections a second (adjustable), 2 hours a connection, 10 minutes of silence, 128 KB a message;
    10,000 requests a second for all APIs of the account together, posts to connections included. Source:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html.

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        user_pool: Whose users may connect; it may be in another stack, Region or account.
        user_pool_clients: The app clients whose tokens are accepted; tokens of the pool's other clients are not.
        user_pool_region: Where the pool is, for one imported from another Region; by default ``user_pool.env.region``.
        table: Keeps the subscriptions: partition key ``channel``, sort key ``connection`` (strings), an index
            ``ByConnection`` of partition key ``connection``, time to live by ``expires_at``. By default one is made.
        alarm_topic: Receives the alarms; by default there are none.
        log_retention: How long the functions' logs are kept: who connected, was refused, subscribed. Three months by
            default.
        removal_policy: What happens to the table that is made here when the stack goes. It is deleted by default: it
            knows open connections only, and they end with the API.

    Attributes:
        api: The WebSocket API.
        stage: Its only stage.
        table: The subscriptions.
        authorizer_function: Verifies tokens.
        subscriptions_function: Answers the routes.
        transport: Tells clients which protocol to speak.
        http_endpoint: Where the back end posts to connections, ``https://…``.
        realtime_endpoint: Where clients connect, ``wss://…``.

    Raises:
        InvalidOptionError: for no app client, a Region that is not the pool's, or an option for a new table beside a
            brought one.
    """

    transport = "apigateway-websocket"

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        user_pool: "cognito.IUserPool",
        user_pool_clients: "Sequence[cognito.IUserPoolClient]",
        user_pool_region: str | None = None,
        table: dynamodb.ITableV2 | None = None,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        check_exclusive(self, {"table": table}, {"removal_policy": removal_policy})
        self._alarm_topic = alarm_topic
        self._log_retention = log_retention
        self._namespaces: dict[str, lambda_.IFunction] = {}
        clients = ",".join(client_ids(self, user_pool_clients))
        region = pool_region(self, user_pool, user_pool_region)
        issuer = f"https://cognito-idp.{region}.{stack_of(self).url_suffix}/{user_pool.user_pool_id}"
        self.table = table or self._make_table(removal_policy or RemovalPolicy.DESTROY)
        self.authorizer_function = add_function(
            self,
            "Authorizer",
            handler="realtime/web_socket_authorization",
            description=f"Verifies who connects to {path_of(self)}",
            invocation=Invocation.REQUEST,
            environment={"ISSUER": issuer, "CLIENT_IDS": clients},
            memory_size=512,
            log_retention=log_retention,
        )
        self.subscriptions_function = add_function(
            self,
            "Subscriptions",
            handler="realtime/web_socket_subscriptions",
            description=f"Keeps who is subscribed to which channel of {path_of(self)}",
            invocation=Invocation.REQUEST,
            environment={"TABLE_NAME": self.table.table_name},
            memory_size=512,
            timeout=seconds(20),
            log_retention=log_retention,
        )
        self._let_subscribe()
        self.api = self._add_api()
        self.stage = apigatewayv2.WebSocketStage(
            self, "Stage", web_socket_api=self.api, stage_name=_STAGE, auto_deploy=True, throttle=_HALF
        )
        acknowledge(self.stage, ["AwsSolutions-APIG1", "Serverless-APIGWAccessLogging"], _NO_ACCESS_LOGS)
        self.http_endpoint = self.stage.callback_url
        self.realtime_endpoint = self.stage.url
        self._add_alarms()

    @property
    def namespaces(self) -> Mapping[str, lambda_.IFunction]:
        """The subscribe handlers by namespace."""
        return MappingProxyType(self._namespaces)

    def add_namespace(self, name: str, *, subscribe_handler: lambda_.IFunction) -> None:
        """Open the channels ``/<name>/…``.

        Args:
            name: First segment of the channels: 1 to 50 letters, digits and dashes.
            subscribe_handler: Answers whether a user may subscribe to a channel: the same function as for
                ``RealtimeChannels``, with the same event. Clients of this transport cannot ask for ``*``.

        Raises:
            InvalidOptionError: for a name that is not a segment, or is taken.
        """
        check_namespace(self, name, self._namespaces)
        self._namespaces[name] = subscribe_handler
        handlers = {known: handler.function_arn for known, handler in self._namespaces.items()}
        self.subscriptions_function.add_environment("SUBSCRIBE_HANDLERS", stack_of(self).to_json_string(handlers))
        # Not grant_invoke(): it would also allow every version and alias of the function.
        self.subscriptions_function.add_to_role_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[subscribe_handler.function_arn])
        )

    def add_publisher(self, construct_id: str) -> lambda_.Function:
        """Add the consumer that publishes a fan-out's messages: for ``SnsSqsFanout.add_subscriber(consumer=…)``.

        The message attribute ``channel`` says where to, and the body, which must be JSON of at most about 128 KB, is
        the event. What could not be posted to a connection stays in the queue and is published again to all of the
        channel; what can never be published moves to the queue's dead-letter queue in the same way.

        Args:
            construct_id: Id inside this construct.

        Raises:
            InvalidOptionError: when there is no namespace yet.
        """
        check_has_namespaces(self, "add_publisher", self._namespaces)
        publisher = add_function(
            self,
            construct_id,
            handler="realtime/web_socket_publishing",
            description=f"Publishes to the channels of {path_of(self)}",
            invocation=Invocation.POLLED,
            environment={"TABLE_NAME": self.table.table_name, "CALLBACK_URL": self.stage.callback_url},
            memory_size=1024,
            timeout=minutes(1),
            log_retention=self._log_retention,
        )
        allow_on_prefixes(
            publisher,
            "Publish",
            self._publishing(),
            prefixes=[self._connections_arn()],
            reason="Connections are made by clients; the publisher may post to those of this API's stage, no more.",
        )
        return publisher

    def grant_publish(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a back end's role find the connections of channels, post to them, and remove those that are gone.

        The ARN of the connections ends with ``*``, because clients make them; cdk-nag asks for an acknowledgment of it
        where you grant.

        Raises:
            InvalidOptionError: when there is no namespace yet.
        """
        check_has_namespaces(self, "grant_publish", self._namespaces)
        posting, finding = (
            iam.Grant.add_to_principal(grantee=grantee, actions=statement.actions, resource_arns=statement.resources)
            for statement in self._publishing()
        )
        return posting.combine(finding)

    def metric_connected(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """New connections; API Gateway takes 500 a second. Per minute by default."""
        return self._metric("ConnectCount", period)

    def metric_connect_errors(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Connections and requests whose function failed. Per minute by default."""
        return self._metric("IntegrationError", period)

    def metric_published(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Messages from and to clients, each of up to 32 KB. Per minute by default."""
        return self._metric("MessageCount", period)

    def _metric(self, name: str, period: Duration | None) -> "cloudwatch.Metric":
        return self.stage.metric(name, period=period or minute(), statistic="sum")

    def _make_table(self, removal_policy: RemovalPolicy) -> dynamodb.TableV2:
        key = dynamodb.Attribute(name="connection", type=dynamodb.AttributeType.STRING)
        table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="channel", type=dynamodb.AttributeType.STRING),
            sort_key=key,
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=_BY_CONNECTION, partition_key=key, projection_type=dynamodb.ProjectionType.KEYS_ONLY
                )
            ],
            billing=dynamodb.Billing.on_demand(),
            time_to_live_attribute="expires_at",
            removal_policy=removal_policy,
        )
        acknowledge(
            table,
            "AwsSolutions-DDB3",
            "It knows open connections only; they end with an outage, and clients subscribe again when they reconnect.",
        )
        return table

    def _let_subscribe(self) -> None:
        for actions, resource in (
            (["PutItem", "DeleteItem", "BatchWriteItem"], self.table.table_arn),
            (["Query"], f"{self.table.table_arn}/index/{_BY_CONNECTION}"),
        ):
            self.subscriptions_function.add_to_role_policy(
                iam.PolicyStatement(actions=[f"dynamodb:{action}" for action in actions], resources=[resource])
            )

    def _connections_arn(self) -> str:
        return stack_of(self).format_arn(
            service="execute-api", resource=self.api.api_id, resource_name=f"{_STAGE}/POST/@connections/*"
        )

    def _publishing(self) -> list[iam.PolicyStatement]:
        return [
            iam.PolicyStatement(actions=["execute-api:ManageConnections"], resources=[self._connections_arn()]),
            iam.PolicyStatement(actions=["dynamodb:Query", "dynamodb:DeleteItem"], resources=[self.table.table_arn]),
        ]

    def _add_api(self) -> apigatewayv2.WebSocketApi:
        integration = integrations.WebSocketLambdaIntegration("Subscriptions", self.subscriptions_function)
        route = apigatewayv2.WebSocketRouteOptions
        api = apigatewayv2.WebSocketApi(
            self,
            "Api",
            description=f"Live channels of {path_of(self)}",
            connect_route_options=route(
                integration=integration,
                authorizer=authorizers.WebSocketLambdaAuthorizer(
                    "SignedIn",
                    self.authorizer_function,
                    identity_source=["route.request.header.Sec-WebSocket-Protocol"],
                ),
            ),
            disconnect_route_options=route(integration=integration),
            default_route_options=route(integration=integration, return_response=True),
        )
        for name in _ACTIONS:
            api.add_route(name, integration=integration, return_response=True)
        for name in ("$disconnect", "$default", *_ACTIONS):
            acknowledge(api.node.find_child(f"{name}-Route"), "AwsSolutions-APIG4", _ONLY_CONNECT)
        return api

    def _add_alarms(self) -> None:
        where = f"{path_of(self)}: "
        for construct_id, metric, description in (
            (
                "ConnectErrorsAlarm",
                self.metric_connect_errors(),
                "clients cannot connect or subscribe. Look at the errors and throttles of its functions.",
            ),
            (
                "AuthorizerErrorsAlarm",
                self.authorizer_function.metric_errors(period=minute()),
                "tokens cannot be verified. Is the user pool's Region there?",
            ),
            (
                "SubscriptionErrorsAlarm",
                self.subscriptions_function.metric_errors(period=minute()),
                "subscriptions fail. Look at its function's log, and at the table.",
            ),
        ):
            add_alarm(
                self,
                construct_id,
                metric,
                alarm_topic=self._alarm_topic,
                threshold=5,
                evaluation_periods=2,
                description=where + description,
            )
