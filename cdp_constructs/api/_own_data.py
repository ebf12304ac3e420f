"""What a signed-in user may do with items and objects that are the user's own, and with nobody else's."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_iam as iam

from cdp_constructs.core.acknowledgments import acknowledge_resources
from cdp_constructs.core.cdk import dynamodb, kms, s3
from cdp_constructs.core.keys import USE_KEY, USE_TABLE_KEY
from cdp_constructs.core.paths import region_of

OWN = "${cognito-identity.amazonaws.com:sub}"
"""The identity id of who asks; IAM fills it in."""

_READ_ITEMS = ("BatchGetItem", "ConditionCheckItem", "GetItem", "Query")
# No Scan: it has no leading key, for which a condition on all of them is true. No PartiQL: it can scan.
_WRITE_ITEMS = ("BatchWriteItem", "DeleteItem", "PutItem", "UpdateItem")
_READ_OBJECTS = ("GetObject",)
_WRITE_OBJECTS = ("AbortMultipartUpload", "DeleteObject", "ListMultipartUploadParts", "PutObject")


def grant_items(role: iam.IRole, table: "dynamodb.ITable", *, partition: str | None, read_only: bool) -> iam.Grant:
    """Let a role work on items whose partition key is the identity id, after ``<partition>#`` where there is one.

    Args:
        role: The role.
        table: The table; its indexes stay closed.
        partition: What the partition key begins with.
        read_only: Whether writing is left out.
    """
    key = OWN if partition is None else f"{partition}#{OWN}"
    actions = _READ_ITEMS if read_only else (*_READ_ITEMS, *_WRITE_ITEMS)
    grant = iam.Grant.add_to_principal(
        grantee=role,
        actions=[f"dynamodb:{action}" for action in actions],
        resource_arns=[table.table_arn],
        conditions={
            "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [key]},
            # What all of no keys are is true.
            "Null": {"dynamodb:LeadingKeys": "false"},
        },
    )
    key_actions = ("kms:Decrypt",) if read_only else USE_TABLE_KEY
    return _with_key(grant, role, table.encryption_key, key_actions, service="dynamodb")


def grant_objects(role: iam.IRole, bucket: "s3.IBucket", *, prefix: str, read_only: bool) -> iam.Grant:
    """Let a role work on objects below ``<prefix><identity id>/``, and list them.

    Args:
        role: The role.
        bucket: The bucket.
        prefix: Empty, or ends with a slash.
        read_only: Whether writing is left out.
    """
    own = f"{prefix}{OWN}/*"
    objects = bucket.arn_for_objects(own)
    actions = _READ_OBJECTS if read_only else (*_READ_OBJECTS, *_WRITE_OBJECTS)
    grant = iam.Grant.add_to_principal(
        grantee=role, actions=[f"s3:{action}" for action in actions], resource_arns=[objects]
    )
    listing = iam.Grant.add_to_principal(
        grantee=role,
        actions=["s3:ListBucket"],
        resource_arns=[bucket.bucket_arn],
        conditions={"StringLike": {"s3:prefix": [own]}},
    )
    acknowledge_resources(role, [objects], "The user's own folder: IAM puts the identity id of who asks before the *.")
    key_actions = ("kms:Decrypt",) if read_only else USE_KEY
    return _with_key(grant.combine(listing), role, bucket.encryption_key, key_actions, service="s3")


def _with_key(
    grant: iam.Grant, role: iam.IRole, key: "kms.IKey | None", actions: tuple[str, ...], *, service: str
) -> iam.Grant:
    if key is None:
        return grant
    region = region_of(role.stack)
    # Through the service only: the key itself is of no use to a user.
    via: Mapping[str, Any] = {"StringEquals": {"kms:ViaService": f"{service}.{region}.amazonaws.com"}}
    use = iam.Grant.add_to_principal(grantee=role, actions=list(actions), resource_arns=[key.key_arn], conditions=via)
    return grant.combine(use)
