"""CodeDeploy: its types of CloudFormation."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

_SERVICE = "codedeploy"
_NAME_LENGTH = 100

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::CodeDeploy::Application",
        Api(
            service=_SERVICE,
            create="create_application",
            delete="delete_application",
            ref="Properties.ApplicationName",
            key={"applicationName": "Id"},
            named="ApplicationName",
            name_length=_NAME_LENGTH,
        ),
    ),
    resource_type(
        "AWS::CodeDeploy::DeploymentConfig",
        Api(
            service=_SERVICE,
            create="create_deployment_config",
            delete="delete_deployment_config",
            ref="Properties.DeploymentConfigName",
            key={"deploymentConfigName": "Id"},
            named="DeploymentConfigName",
            name_length=_NAME_LENGTH,
        ),
    ),
    resource_type(
        "AWS::CodeDeploy::DeploymentGroup",
        Api(
            service=_SERVICE,
            create="create_deployment_group",
            update="update_deployment_group",
            delete="delete_deployment_group",
            ref="Properties.DeploymentGroupName",
            key={"applicationName": "Properties.ApplicationName"},
            update_key={"currentDeploymentGroupName": "Id"},
            delete_key={"deploymentGroupName": "Id"},
            named="DeploymentGroupName",
            replacing=("ApplicationName",),
            name_length=_NAME_LENGTH,
        ),
    ),
)
