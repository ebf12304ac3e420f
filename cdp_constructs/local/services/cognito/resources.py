"""Cognito: users, their groups and identity providers, and the attribute that names the issuer of tokens."""

from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::Cognito::UserPoolUser",
        Api(
            service="cognito-idp",
            create="admin_create_user",
            delete="admin_delete_user",
            ref="Response.User.Username",
            key={"UserPoolId": "Properties.UserPoolId", "Username": "Id"},
            named="Username",
        ),
    ),
    resource_type(
        "AWS::Cognito::UserPoolUserToGroupAttachment",
        Api(
            service="cognito-idp",
            create="admin_add_user_to_group",
            delete="admin_remove_user_from_group",
            ref="{Properties.UserPoolId}|{Properties.GroupName}|{Properties.Username}",
            key={
                "UserPoolId": "Properties.UserPoolId",
                "GroupName": "Properties.GroupName",
                "Username": "Properties.Username",
            },
        ),
    ),
    resource_type(
        "AWS::Cognito::UserPoolIdentityProvider",
        Api(
            service="cognito-idp",
            create="create_identity_provider",
            update="update_identity_provider",
            delete="delete_identity_provider",
            ref="Properties.ProviderName",
            key={"UserPoolId": "Properties.UserPoolId", "ProviderName": "Id"},
            replacing=("UserPoolId", "ProviderName", "ProviderType"),
        ),
    ),
)


@after("AWS::Cognito::UserPool")
def _add_provider_url(_pool_id: str, _properties: Properties, attributes: Attributes) -> None:
    attributes["ProviderURL"] = f"https://{attributes['ProviderName']}"
