"""CloudTrail."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::CloudTrail::Trail",
        Api(
            service="cloudtrail",
            create="create_trail",
            update="update_trail",
            delete="delete_trail",
            ref="Properties.TrailName",
            key={"Name": "Id"},
            attributes={"Arn": "arn:aws:cloudtrail:{Region}:{Account}:trail/{Id}", "SnsTopicArn": "`none`"},
            renamed={"TrailName": "Name"},
            named="TrailName",
        ),
    ),
)
