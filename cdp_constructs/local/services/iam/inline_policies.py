"""IAM: policies that a template adds to a role, user or group of its own."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::IAM::RolePolicy",
        Api(
            service="iam",
            create="put_role_policy",
            update="put_role_policy",
            delete="delete_role_policy",
            ref="{Properties.PolicyName}|{Properties.RoleName}",
            key={"RoleName": "Properties.RoleName", "PolicyName": "Properties.PolicyName"},
            replacing=("PolicyName", "RoleName"),
        ),
    ),
    resource_type(
        "AWS::IAM::UserPolicy",
        Api(
            service="iam",
            create="put_user_policy",
            update="put_user_policy",
            delete="delete_user_policy",
            ref="{Properties.PolicyName}|{Properties.UserName}",
            key={"UserName": "Properties.UserName", "PolicyName": "Properties.PolicyName"},
            replacing=("PolicyName", "UserName"),
        ),
    ),
    resource_type(
        "AWS::IAM::GroupPolicy",
        Api(
            service="iam",
            create="put_group_policy",
            update="put_group_policy",
            delete="delete_group_policy",
            ref="{Properties.PolicyName}|{Properties.GroupName}",
            key={"GroupName": "Properties.GroupName", "PolicyName": "Properties.PolicyName"},
            replacing=("PolicyName", "GroupName"),
        ),
    ),
)
