"""ElastiCache: serverless caches."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::ElastiCache::ServerlessCache",
        Api(
            service="elasticache",
            create="create_serverless_cache",
            read="describe_serverless_caches",
            ready="Response.ServerlessCaches[0].Status != 'creating'",
            delete="delete_serverless_cache",
            ref="Properties.ServerlessCacheName",
            key={"ServerlessCacheName": "Id"},
            attributes={
                "ARN": "Response.ServerlessCaches[0].ARN",
                "Status": "Response.ServerlessCaches[0].Status",
                "CreateTime": "to_string(Response.ServerlessCaches[0].CreateTime)",
                "FullEngineVersion": "Response.ServerlessCaches[0].FullEngineVersion",
                "Endpoint.Address": "Response.ServerlessCaches[0].Endpoint.Address",
                "Endpoint.Port": "to_string(Response.ServerlessCaches[0].Endpoint.Port)",
                "ReaderEndpoint.Address": "Response.ServerlessCaches[0].ReaderEndpoint.Address",
                "ReaderEndpoint.Port": "to_string(Response.ServerlessCaches[0].ReaderEndpoint.Port)",
            },
            named="ServerlessCacheName",
            name_length=40,
        ),
    ),
)
