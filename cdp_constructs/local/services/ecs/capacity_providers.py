"""ECS: capacity providers."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::ECS::CapacityProvider",
        Api(
            service="ecs",
            create="create_capacity_provider",
            delete="delete_capacity_provider",
            ref="Properties.Name",
            key={"capacityProvider": "Id"},
            named="Name",
        ),
    ),
    resource_type(
        "AWS::ECS::ClusterCapacityProviderAssociations",
        Api(
            service="ecs",
            create="put_cluster_capacity_providers",
            update="put_cluster_capacity_providers",
            delete="put_cluster_capacity_providers",
            ref="Properties.Cluster",
            key={"cluster": "Id"},
            delete_key={"capacityProviders": "`[]`", "defaultCapacityProviderStrategy": "`[]`"},
            replacing=("Cluster",),
        ),
    ),
)
