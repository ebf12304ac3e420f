"""CloudWatch: composite alarms in templates."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::CloudWatch::CompositeAlarm",
        Api(
            service="cloudwatch",
            create="put_composite_alarm",
            update="put_composite_alarm",
            delete="delete_alarms",
            ref="Properties.AlarmName",
            key={"AlarmName": "Id", "AlarmNames": "[Id]"},
            attributes={"Arn": "arn:aws:cloudwatch:{Region}:{Account}:alarm:{Id}"},
            named="AlarmName",
            name_length=255,
        ),
    ),
)
