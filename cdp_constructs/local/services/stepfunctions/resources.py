"""Step Functions: activities and versions of state machines."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::StepFunctions::Activity",
        Api(
            service="stepfunctions",
            create="create_activity",
            delete="delete_activity",
            ref="Response.activityArn",
            key={"activityArn": "Id"},
            attributes={"Arn": "Id", "Name": "Properties.Name"},
            named="Name",
        ),
    ),
    resource_type(
        "AWS::StepFunctions::StateMachineVersion",
        Api(
            service="stepfunctions",
            create="publish_state_machine_version",
            delete="delete_state_machine_version",
            ref="Response.stateMachineVersionArn",
            key={"stateMachineVersionArn": "Id"},
            attributes={"Arn": "Id"},
            adapt=lambda properties: {
                "stateMachineArn": properties["StateMachineArn"],
                "description": properties.get("Description", ""),
            },
        ),
    ),
)
