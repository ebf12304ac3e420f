"""A channel namespace of an AppSync Events API: its grants, its metrics, and how it is made."""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_appsync as appsync
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.core.cdk import cloudwatch, lambda_, sns
from cdp_constructs.core.options import checks_options
from cdp_constructs.realtime._alarms import add_errors_alarm
from cdp_constructs.realtime._events_api import BY_ROLE, BY_USER, appsync_of, events_metric
from cdp_constructs.realtime.channel_namespace import ChannelNamespace

__all__ = ["EventsNamespace"]


@checks_options
@dataclass(frozen=True)
class EventsNamespace(ChannelNamespace):
    """The channels of ``RealtimeChannels`` that begin with one segment."""

    arn: str
    """ARN of the namespace."""
    api_id: str
    """The API that it belongs to."""

    def grant_publish(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a back end's role publish to the channels of this namespace, and to no others."""
        return iam.Grant.add_to_principal(grantee=grantee, actions=["appsync:EventPublish"], resource_arns=[self.arn])

    def metric_subscribed(self, *, period: "Duration | None" = None) -> "cloudwatch.Metric":
        """Subscriptions that were accepted. Per minute by default."""
        return self._metric("SubscribeSuccess", period)

    def metric_rejected(self, *, period: "Duration | None" = None) -> "cloudwatch.Metric":
        """Subscriptions that were refused: others' channels, old channels, expired tokens. Per minute by default."""
        return self._metric("SubscribeClientError", period)

    def metric_subscribe_errors(self, *, period: "Duration | None" = None) -> "cloudwatch.Metric":
        """Subscriptions that failed because of AppSync or the handler. Per minute by default."""
        return self._metric("SubscribeServerError", period)

    def _metric(self, name: str, period: "Duration | None") -> "cloudwatch.Metric":
        return events_metric(name, {"EventAPIId": self.api_id, "ChannelNamespaceName": self.name}, period)


def make_namespace(
    scope: "Construct",
    api: appsync.CfnApi,
    name: str,
    *,
    subscribe_handler: "lambda_.IFunction",
    alarm_topic: "sns.ITopic | None",
) -> EventsNamespace:
    """Make a namespace whose subscriptions a function decides about.

    Args:
        scope: Holds what belongs to the namespace.
        api: The API.
        name: First segment of its channels.
        subscribe_handler: Decides about subscriptions.
        alarm_topic: Receives the alarm.
    """
    source = _add_data_source(scope, api, subscribe_handler)
    resource = appsync.CfnChannelNamespace(
        scope,
        "Namespace",
        api_id=api.attr_api_id,
        name=name,
        subscribe_auth_modes=[appsync.CfnChannelNamespace.AuthModeProperty(auth_type=BY_USER)],
        publish_auth_modes=[appsync.CfnChannelNamespace.AuthModeProperty(auth_type=BY_ROLE)],
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
    namespace = EventsNamespace(name, subscribe_handler, resource.attr_channel_namespace_arn, api.attr_api_id)
    add_errors_alarm(
        scope,
        "SubscribeErrorsAlarm",
        namespace.metric_subscribe_errors(),
        "clients cannot subscribe. Look at the errors, throttles and duration of the subscribe handler, then at the "
        "API's log.",
        alarm_topic=alarm_topic,
    )
    return namespace


def _add_data_source(scope: "Construct", api: appsync.CfnApi, handler: "lambda_.IFunction") -> appsync.CfnDataSource:
    role = iam.Role(scope, "HandlerRole", assumed_by=appsync_of(scope, api.attr_api_arn))
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
        api_id=api.attr_api_id,
        name=f"subscribe_{scope.node.id.replace('-', '_')}",
        type="AWS_LAMBDA",
        lambda_config=appsync.CfnDataSource.LambdaConfigProperty(lambda_function_arn=handler.function_arn),
        service_role_arn=role.role_arn,
    )
    source.node.add_dependency(policy)
    return source
