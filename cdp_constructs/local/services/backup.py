"""AWS Backup: which resources a plan covers."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::Backup::BackupSelection",
        Api(
            service="backup",
            create="create_backup_selection",
            delete="delete_backup_selection",
            ref="Response.SelectionId",
            attributes={"Id": "Id", "SelectionId": "Id", "BackupPlanId": "Properties.BackupPlanId"},
            key={"BackupPlanId": "Properties.BackupPlanId", "SelectionId": "Id"},
        ),
    ),
)
