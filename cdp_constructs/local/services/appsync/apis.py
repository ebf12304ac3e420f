"""AppSync Events: the API, its channel namespaces and its keys. `channels` has the data plane."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

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
    # MiniStack makes the keys of a template for GraphQL APIs only.
    resource_type(
        "AWS::AppSync::ApiKey",
        Api(
            service="appsync",
            create="create_api_key",
            delete="delete_api_key",
            ref="arn:aws:appsync:{Region}:{Account}:apis/{Properties.ApiId}/apikeys/{Response.apiKey.id}",
            key={"apiId": "Properties.ApiId", "id": "Parts[-1]"},
            attributes={"ApiKey": "Parts[-1]", "ApiKeyId": "Parts[-1]", "Arn": "Id"},
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
    ),
)
