"""EventBridge: archives, connections and API destinations."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::Events::Archive",
        Api(
            service="events",
            create="create_archive",
            update="update_archive",
            delete="delete_archive",
            ref="Properties.ArchiveName",
            key={"ArchiveName": "Id"},
            attributes={"ArchiveName": "Id", "Arn": "arn:aws:events:{Region}:{Account}:archive/{Id}"},
            renamed={"SourceArn": "EventSourceArn"},
            named="ArchiveName",
            replacing=("SourceArn",),
            name_length=48,
        ),
    ),
    resource_type(
        "AWS::Events::Connection",
        Api(
            service="events",
            create="create_connection",
            read="describe_connection",
            update="update_connection",
            delete="delete_connection",
            ref="Properties.Name",
            key={"Name": "Id"},
            attributes={
                "Arn": "Response.ConnectionArn",
                "SecretArn": "arn:aws:secretsmanager:{Region}:{Account}:secret:events!connection/{Id}",
                "ArnForPolicy": "arn:aws:events:{Region}:{Account}:connection/{Id}",
            },
            named="Name",
        ),
    ),
    resource_type(
        "AWS::Events::ApiDestination",
        Api(
            service="events",
            create="create_api_destination",
            read="describe_api_destination",
            update="update_api_destination",
            delete="delete_api_destination",
            ref="Properties.Name",
            key={"Name": "Id"},
            attributes={
                "Arn": "Response.ApiDestinationArn",
                "ArnForPolicy": "arn:aws:events:{Region}:{Account}:api-destination/{Id}",
            },
            named="Name",
        ),
    ),
)
