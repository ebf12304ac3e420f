"""AppSync Events: the API and its channel namespaces. Publishing and subscribing work."""

from cdp_constructs.local.extensions._sdk import Api, resource_type
from cdp_constructs.local.extensions._types import ResourceType

__all__ = ["RESOURCE_TYPES"]

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::AppSync::Api",
        Api(
            service="appsync",
            create="create_api",
            read="get_api",
            update="update_api",
            delete="delete_api",
            ref="Response.api.apiArn",
            key={"apiId": "Parts[-1]"},
            attributes={
                "ApiArn": "Id",
                "ApiId": "Parts[-1]",
                "Dns": "Response.api.dns",
                "Dns.Http": "Response.api.dns.HTTP",
                "Dns.Realtime": "Response.api.dns.REALTIME",
            },
        ),
    ),
    resource_type(
        "AWS::AppSync::ChannelNamespace",
        Api(
            service="appsync",
            create="create_channel_namespace",
            update="update_channel_namespace",
            delete="delete_channel_namespace",
            ref="arn:aws:appsync:{Region}:{Account}:apis/{Properties.ApiId}/channelNamespace/{Properties.Name}",
            key={"apiId": "Properties.ApiId", "name": "Properties.Name"},
            attributes={"ChannelNamespaceArn": "Id"},
            replacing=("ApiId", "Name"),
        ),
        reason="handlers of a channel namespace are stored, not run",
    ),
)
