"""Realtime Channels: members of a channel receive what is published to it, at once and nobody else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from aws_cdk import Duration, Names, RemovalPolicy
from aws_cdk import aws_appsync as appsync
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge_resources
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minute, seconds
from cdp_constructs.realtime._channels import check_has_namespaces, check_namespace, client_ids, pool_region

if TYPE_CHECKING:
    from aws_cdk import aws_cognito as cognito
    from aws_cdk import aws_sns as sns

__all__ = ["ChannelNamespace", "RealtimeChannels"]

_BY_USER = "AMAZON_COGNITO_USER_POOLS"
_BY_ROLE = "AWS_IAM"
_LONGEST_API_NAME = 50
_APPSYNC = "appsync.amazonaws.com"


@dataclass(frozen=True)
class ChannelNamespace:
    """The channels that begin with one segment, such as ``/rooms/…``, and who may subscribe to them."""

    name: str
    """First segment of its channels."""
    arn: str
    """What policies name."""
    api_id: str
    """The API that it belongs to."""

    def grant_publish(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a back end's role publish to the channels of this namespace, and to no others."""
        return iam.Grant.add_to_principal(grantee=grantee, actions=["appsync:EventPublish"], resource_arns=[self.arn])

    def metric_subscribed(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Subscriptions that were let in. Per minute by default."""
        return self._metric("SubscribeSuccess", period)

    def metric_subscribe_refused(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Subscriptions that were refused: strangers, old channels, expired tokens. Per minute by default."""
        return self._metric("SubscribeClientError", period)

    def metric_subscribe_errors(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Subscriptions that failed because of AppSync or the handler. Per minute by default."""
        return self._metric("SubscribeServerError", period)

    def _metric(self, name: str, period: Duration | None) -> cloudwatch.Metric:
        return _metric(name, {"EventAPIId": self.api_id, "ChannelNamespaceName": self.name}, period)


class RealtimeChannels(Construct):
    """Push what happens to the clients that may see it, while they are connected.

    CDP: Realtime Channels / リアルタイム チャネル パターン (a new one: the CDP collection predates managed WebSockets).

    Problem: clients that poll are late and expensive, and servers that hold WebSockets have to be scaled, patched, and
    told which user sits on which of them. Solution: an AppSync Events API holds the connections and multicasts. Users
    connect with the token of their Cognito user pool. A function of yours answers for each subscription whether the
    user may have that channel. Only roles of the back end publish; a user's token does not. One API serves one Region:
    its clients learn the address from the back end, and when the Region fails they connect to another Region's API.

    Push is only the live tail: a client that was away missed what was published. Keep the history elsewhere, number
    it, and let clients read what they miss. The membership is checked when a client subscribes, not at each event: to
    cut somebody off, publish to a new channel that the handler lets only the others in to.

    Do not use it for one client that talks to a server (an HTTP API is enough), for devices with certificates and
    flaky networks (MQTT of IoT Core keeps messages for them), or where a connection must outlast 24 hours.

    Limits: 2,000 new connections and 10,000 published events a second per API, and 1,000,000 delivered (adjustable);
    5 events a publish; 240 KB an event; 5 segments of 50 characters a channel; 200 subscriptions and 24 hours a
    connection. Source: https://docs.aws.amazon.com/general/latest/gr/appsync.html.

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        user_pool: Whose users may connect; it may be in another stack, Region or account.
        user_pool_clients: The app clients whose tokens are accepted; tokens of the pool's other clients are not.
        user_pool_region: Where the pool is, for one imported from another Region; by default ``user_pool.env.region``.
        alarm_topic: Receives the alarms; by default there are none.
        log_retention: How long the API's log is kept: refused and failed requests, without their contents. Three
            months by default.

    Attributes:
        api: The Events API; ``api.attr_api_arn`` is what a web ACL is associated with.
        log_group: The API's log.
        transport: Tells clients which protocol to speak.
        http_endpoint: Where the back end publishes, ``https://…/event``; clients name its host when they authorize.
        realtime_endpoint: Where clients connect, ``wss://…/event/realtime``.

    Raises:
        InvalidOptionError: for no app client, or a Region that is not the pool's.
    """

    transport = "appsync-events"

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        user_pool: "cognito.IUserPool",
        user_pool_clients: "Sequence[cognito.IUserPoolClient]",
        user_pool_region: str | None = None,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
    ) -> None:
        super().__init__(scope, construct_id)
        self._alarm_topic = alarm_topic
        self._namespaces: dict[str, ChannelNamespace] = {}
        clients = "|".join(client_ids(self, user_pool_clients))
        log_role = iam.Role(self, "LogRole", assumed_by=self._appsync())
        user, role = self._mode(_BY_USER), self._mode(_BY_ROLE)
        self.api = appsync.CfnApi(
            self,
            "Api",
            name=Names.unique_resource_name(self, max_length=_LONGEST_API_NAME, separator="-"),
            event_config=appsync.CfnApi.EventConfigProperty(
                auth_providers=[
                    appsync.CfnApi.AuthProviderProperty(
                        auth_type=_BY_USER,
                        cognito_config=appsync.CfnApi.CognitoConfigProperty(
                            aws_region=pool_region(self, user_pool, user_pool_region),
                            user_pool_id=user_pool.user_pool_id,
                            app_id_client_regex=f"^({clients})$",
                        ),
                    ),
                    appsync.CfnApi.AuthProviderProperty(auth_type=_BY_ROLE),
                ],
                connection_auth_modes=[user],
                default_subscribe_auth_modes=[user],
                default_publish_auth_modes=[role],
                log_config=appsync.CfnApi.EventLogConfigProperty(
                    cloud_watch_logs_role_arn=log_role.role_arn, log_level="ERROR"
                ),
            ),
        )
        self._api_id = self.api.attr_api_id
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            # AppSync writes to this name, and makes it without an expiry when it is not there.
            log_group_name=f"/aws/appsync/apis/{self._api_id}",
            retention=log_retention,
            removal_policy=RemovalPolicy.RETAIN,
        )
        self._let_write_logs(log_role)
        self.http_endpoint = f"https://{self.api.attr_dns_http}/event"
        self.realtime_endpoint = f"wss://{self.api.attr_dns_realtime}/event/realtime"
        self._add_alarms()

    @property
    def namespaces(self) -> Mapping[str, ChannelNamespace]:
        """The namespaces by name."""
        return MappingProxyType(self._namespaces)

    def add_namespace(self, name: str, *, subscribe_handler: lambda_.IFunction) -> ChannelNamespace:
        """Open the channels ``/<name>/…``.

        Args:
            name: First segment of the channels: 1 to 50 letters, digits and dashes. It is also the construct id.
            subscribe_handler: Answers whether a user may subscribe to a channel. AppSync calls it and waits. It gets
                AppSync's own event: the user as ``identity`` (``sub``, ``claims``) and the channel as ``info.channel``
                (``path``, ``segments``). It returns None to let the user in; ``{"error": "why"}`` or an exception
                refuses. A client may ask for all channels below one with ``*`` as the last segment: let in only
                what is exactly a channel of the user's.

        Raises:
            InvalidOptionError: for a name that is not a segment, or is taken.
        """
        check_namespace(self, name, self._namespaces)
        scope = Construct(self, name)
        source = self._add_data_source(scope, subscribe_handler)
        resource = appsync.CfnChannelNamespace(
            scope,
            "Namespace",
            api_id=self._api_id,
            name=name,
            subscribe_auth_modes=[appsync.CfnChannelNamespace.AuthModeProperty(auth_type=_BY_USER)],
            publish_auth_modes=[appsync.CfnChannelNamespace.AuthModeProperty(auth_type=_BY_ROLE)],
            handler_configs=appsync.CfnChannelNamespace.HandlerConfigsProperty(
                on_subscribe=appsync.CfnChannelNamespace.HandlerConfigProperty(
                    behavior="DIRECT",
                    integration=appsync.CfnChannelNamespace.IntegrationProperty(
                        data_source_name=source.name,
                        lambda_config=appsync.CfnChannelNamespace.LambdaConfigProperty(invoke_type="REQUEST_RESPONSE"),
                    ),
                )
            ),
        )
        resource.add_resource_dependency(source)
        namespace = ChannelNamespace(name, resource.attr_channel_namespace_arn, self._api_id)
        self._namespaces[name] = namespace
        add_alarm(
            scope,
            "SubscribeErrorsAlarm",
            namespace.metric_subscribe_errors(),
            alarm_topic=self._alarm_topic,
            threshold=5,
            evaluation_periods=2,
            description=f"{path_of(scope)}: clients cannot subscribe. Look at the errors, throttles and "
            "duration of the subscribe handler, then at the API's log.",
        )
        return namespace

    def add_publisher(self, construct_id: str) -> lambda_.Function:
        """Add the consumer that publishes a fan-out's messages: for ``SnsSqsFanout.add_subscriber(consumer=…)``.

        The message attribute ``channel`` says where to, and the body, which must be JSON of at most 240 KB, is the
        event. Events of a channel keep the order of the batch. What AppSync does not take stays in the queue and moves
        to its dead-letter queue, and so does what can never be published: no channel, no JSON, too large.

        Args:
            construct_id: Id inside this construct.

        Raises:
            InvalidOptionError: when there is no namespace yet.
        """
        check_has_namespaces(self, "add_publisher", self._namespaces)
        publisher = add_function(
            self,
            construct_id,
            handler="realtime/publishing",
            description=f"Publishes to the channels of {path_of(self)}",
            invocation=Invocation.POLLED,
            environment={"HTTP_DOMAIN": self.api.attr_dns_http},
            memory_size=512,
            timeout=seconds(30),
        )
        self.grant_publish(publisher)
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
        """New connections; AppSync takes 2,000 a second. Per minute by default."""
        return self._metric("ConnectSuccess", period)

    def metric_connect_errors(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Connections that failed because of AppSync. Per minute by default."""
        return self._metric("ConnectServerError", period)

    def metric_published(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Publish requests, each of up to 5 events. Per minute by default."""
        return self._metric("Requests", period)

    def metric_publish_refused(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Publish requests that were refused or throttled. Per minute by default."""
        return self._metric("4XXError", period)

    def metric_publish_errors(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Publish requests that failed because of AppSync. Per minute by default."""
        return self._metric("5XXError", period)

    def _metric(self, name: str, period: Duration | None) -> cloudwatch.Metric:
        return _metric(name, {"EventAPIId": self._api_id}, period)

    @staticmethod
    def _mode(auth_type: str) -> appsync.CfnApi.AuthModeProperty:
        return appsync.CfnApi.AuthModeProperty(auth_type=auth_type)

    def _appsync(self, api_arn: str | None = None) -> iam.IPrincipal:
        """AppSync, working for this account, and where it is known already, for this API."""
        conditions: dict[str, dict[str, str]] = {"StringEquals": {"aws:SourceAccount": stack_of(self).account}}
        if api_arn is not None:
            conditions["ArnEquals"] = {"aws:SourceArn": api_arn}
        return iam.ServicePrincipal(_APPSYNC, conditions=conditions)

    def _let_write_logs(self, role: iam.Role) -> None:
        # A policy of its own, made after the API: the API names the role and the policy names the API's log.
        streams = self.log_group.log_group_arn
        policy = iam.Policy(
            self,
            "LogPolicy",
            roles=[role],
            statements=[
                iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[streams])
            ],
        )
        acknowledge_resources(policy, [streams], "The streams of the API's own log; AppSync names them.")

    def _add_data_source(self, scope: Construct, handler: lambda_.IFunction) -> appsync.CfnDataSource:
        role = iam.Role(scope, "HandlerRole", assumed_by=self._appsync(self.api.attr_api_arn))
        # Not grant_invoke(): it would also allow every version and alias of the function.
        policy = iam.Policy(
            scope,
            "HandlerPolicy",
            roles=[role],
            statements=[iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[handler.function_arn])],
        )
        source = appsync.CfnDataSource(
            scope,
            "Handler",
            api_id=self._api_id,
            name=f"subscribe_{scope.node.id.replace('-', '_')}",
            type="AWS_LAMBDA",
            lambda_config=appsync.CfnDataSource.LambdaConfigProperty(lambda_function_arn=handler.function_arn),
            service_role_arn=role.role_arn,
        )
        source.node.add_dependency(policy)
        return source

    def _add_alarms(self) -> None:
        where = f"{path_of(self)}: "
        for construct_id, metric, description in (
            (
                "ConnectErrorsAlarm",
                self.metric_connect_errors(),
                "clients cannot connect. Look at the Region.",
            ),
            (
                "PublishErrorsAlarm",
                self.metric_publish_errors(),
                "AppSync fails to publish. The publisher tries again; look at its queue's age and the Region's health.",
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


def _metric(name: str, dimensions: dict[str, str], period: Duration | None) -> cloudwatch.Metric:
    # Names and dimensions: https://docs.aws.amazon.com/appsync/latest/eventapi/cw-metrics.html
    return cloudwatch.Metric(
        namespace="AWS/AppSync",
        metric_name=name,
        dimensions_map=dimensions,
        statistic="sum",
        period=period or minute(),
    )
