"""RDS: proxies and their endpoints, global clusters and option groups."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::RDS::DBProxy",
        Api(
            service="rds",
            create="create_db_proxy",
            delete="delete_db_proxy",
            ref="Properties.DBProxyName",
            key={"DBProxyName": "Id"},
            attributes={
                "DBProxyArn": "Response.DBProxy.DBProxyArn",
                "Endpoint": "Response.DBProxy.Endpoint",
                "VpcId": "Response.DBProxy.VpcId || 'vpc-unknown'",
            },
        ),
    ),
    resource_type(
        "AWS::RDS::DBProxyEndpoint",
        Api(
            service="rds",
            create="create_db_proxy_endpoint",
            delete="delete_db_proxy_endpoint",
            ref="Properties.DBProxyEndpointName",
            key={"DBProxyEndpointName": "Id"},
            attributes={
                "DBProxyEndpointArn": "Response.DBProxyEndpoint.DBProxyEndpointArn",
                "Endpoint": "Response.DBProxyEndpoint.Endpoint",
                "IsDefault": "to_string(Response.DBProxyEndpoint.IsDefault)",
                "VpcId": "Response.DBProxyEndpoint.VpcId",
            },
        ),
    ),
    resource_type(
        "AWS::RDS::GlobalCluster",
        Api(
            service="rds",
            create="create_global_cluster",
            delete="delete_global_cluster",
            ref="Properties.GlobalClusterIdentifier",
            key={"GlobalClusterIdentifier": "Id"},
            named="GlobalClusterIdentifier",
        ),
    ),
    resource_type(
        "AWS::RDS::OptionGroup",
        Api(
            service="rds",
            create="create_option_group",
            delete="delete_option_group",
            ref="Properties.OptionGroupName",
            key={"OptionGroupName": "Id"},
            named="OptionGroupName",
        ),
    ),
)
