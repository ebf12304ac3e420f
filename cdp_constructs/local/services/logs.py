"""CloudWatch Logs: destinations of other accounts."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::Logs::Destination",
        Api(
            service="logs",
            create="put_destination",
            update="put_destination",
            delete="delete_destination",
            ref="Properties.DestinationName",
            key={"destinationName": "Id"},
            attributes={"Arn": "arn:aws:logs:{Region}:{Account}:destination:{Id}"},
            replacing=("DestinationName",),
        ),
    ),
)
