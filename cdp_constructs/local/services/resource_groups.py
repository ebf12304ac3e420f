"""Resource Groups."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::ResourceGroups::Group",
        Api(
            service="resource-groups",
            create="create_group",
            update="update_group",
            delete="delete_group",
            ref="Properties.Name",
            key={"Group": "Id", "GroupName": "Id"},
            attributes={"Arn": "arn:aws:resource-groups:{Region}:{Account}:group/{Id}"},
            replacing=("Name",),
        ),
    ),
)
