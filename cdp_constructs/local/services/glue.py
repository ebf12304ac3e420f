"""Glue: workflows and security configurations."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::Glue::Workflow",
        Api(
            service="glue",
            create="create_workflow",
            update="update_workflow",
            delete="delete_workflow",
            ref="Properties.Name",
            key={"Name": "Id"},
            named="Name",
        ),
    ),
    resource_type(
        "AWS::Glue::SecurityConfiguration",
        Api(
            service="glue",
            create="create_security_configuration",
            delete="delete_security_configuration",
            ref="Properties.Name",
            key={"Name": "Id"},
        ),
    ),
)
