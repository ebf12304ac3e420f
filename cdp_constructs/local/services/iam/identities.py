"""IAM: groups and their members, access keys, identity providers."""

from botocore.exceptions import ClientError

from cdp_constructs.local.kit.sdk import Api, client, generated_name, request, resource_type, scope
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType

__all__ = ["RESOURCE_TYPES"]


def _group_attributes(name: str, properties: Properties) -> Attributes:
    path = properties.get("Path", "/")
    return {"Arn": f"arn:aws:iam::{scope()['Account']}:group{path}{name}"}


def _grant(name: str, properties: Properties) -> None:
    iam = client("iam")
    for arn in properties.get("ManagedPolicyArns", []):
        iam.attach_group_policy(GroupName=name, PolicyArn=arn)
    for policy in properties.get("Policies", []):
        iam.put_group_policy(**request("iam", "put_group_policy", {**policy, "GroupName": name}))


def _revoke(name: str, properties: Properties) -> None:
    iam = client("iam")
    for arn in properties.get("ManagedPolicyArns", []):
        iam.detach_group_policy(GroupName=name, PolicyArn=arn)
    for policy in properties.get("Policies", []):
        iam.delete_group_policy(GroupName=name, PolicyName=policy["PolicyName"])


def _create_group(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Attributes]:
    name = properties.get("GroupName") or generated_name(stack_name, logical_id, 128)
    client("iam").create_group(GroupName=name, Path=properties.get("Path", "/"))
    _grant(name, properties)
    return name, _group_attributes(name, properties)


def _update_group(physical_id: str, old: Properties, new: Properties, stack_name: str) -> tuple[str, Attributes]:
    if old.get("GroupName") != new.get("GroupName"):
        return _create_group(physical_id, new, stack_name)
    _revoke(physical_id, old)
    _grant(physical_id, new)
    return physical_id, _group_attributes(physical_id, new)


def _delete_group(physical_id: str, properties: Properties) -> None:
    try:
        _revoke(physical_id, properties)
        client("iam").delete_group(GroupName=physical_id)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise


def _add_users(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Attributes]:
    for user in properties["Users"]:
        client("iam").add_user_to_group(GroupName=properties["GroupName"], UserName=user)
    membership = generated_name(stack_name, logical_id)
    return membership, {"Id": membership}


def _replace_users(physical_id: str, old: Properties, new: Properties, stack_name: str) -> tuple[str, Attributes]:
    _remove_users(physical_id, old)
    _add_users(physical_id, new, stack_name)
    return physical_id, {"Id": physical_id}


def _remove_users(_physical_id: str, properties: Properties) -> None:
    for user in properties["Users"]:
        try:
            client("iam").remove_user_from_group(GroupName=properties["GroupName"], UserName=user)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchEntity":
                raise


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    ResourceType(
        name="AWS::IAM::Group", create=_create_group, update=_update_group, delete=_delete_group, blocking=True
    ),
    ResourceType(
        name="AWS::IAM::UserToGroupAddition",
        create=_add_users,
        update=_replace_users,
        delete=_remove_users,
        blocking=True,
    ),
    resource_type(
        "AWS::IAM::AccessKey",
        Api(
            service="iam",
            create="create_access_key",
            delete="delete_access_key",
            ref="Response.AccessKey.AccessKeyId",
            key={"AccessKeyId": "Id", "UserName": "Properties.UserName"},
            # The secret is answered only once, so every change makes a new key.
            attributes={"SecretAccessKey": "Response.AccessKey.SecretAccessKey"},
        ),
    ),
    resource_type(
        "AWS::IAM::OIDCProvider",
        Api(
            service="iam",
            create="create_open_id_connect_provider",
            update="update_open_id_connect_provider_thumbprint",
            delete="delete_open_id_connect_provider",
            ref="Response.OpenIDConnectProviderArn",
            key={"OpenIDConnectProviderArn": "Id"},
            attributes={"Arn": "Id"},
            replacing=("Url",),
        ),
    ),
    resource_type(
        "AWS::IAM::SAMLProvider",
        Api(
            service="iam",
            create="create_saml_provider",
            update="update_saml_provider",
            delete="delete_saml_provider",
            ref="Response.SAMLProviderArn",
            key={"SAMLProviderArn": "Id"},
            attributes={"Arn": "Id"},
            renamed={"SamlMetadataDocument": "SAMLMetadataDocument"},
            named="Name",
        ),
    ),
    resource_type(
        "AWS::IAM::ServiceLinkedRole",
        Api(
            service="iam",
            create="create_service_linked_role",
            update="update_role",
            delete="delete_service_linked_role",
            ref="Response.Role.RoleName",
            key={"RoleName": "Id"},
            attributes={"RoleName": "Id"},
            replacing=("AWSServiceName", "CustomSuffix"),
        ),
    ),
)
