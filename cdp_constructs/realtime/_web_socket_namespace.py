"""A channel namespace of a WebSocket API."""

from dataclasses import dataclass

from cdp_constructs.core.cdk import apigatewayv2, iam
from cdp_constructs.realtime._subscriptions_table import SubscriptionsTable
from cdp_constructs.realtime._web_socket_api import grant_posting
from cdp_constructs.realtime.channel_namespace import ChannelNamespace


@dataclass(frozen=True)
class WebSocketNamespace(ChannelNamespace):
    """The channels of ``WebSocketChannels`` that begin with one segment."""

    stage: "apigatewayv2.WebSocketStage"
    subscriptions: "SubscriptionsTable"

    def grant_publish(self, grantee: "iam.IGrantable") -> "iam.Grant":
        """Let a role find the connections of these channels, and post to connections of the API's stage."""
        return grant_posting(self.stage, grantee).combine(
            self.subscriptions.grant_finding(grantee, namespaces=[self.name])
        )
