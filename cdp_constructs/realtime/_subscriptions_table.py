"""The table of a WebSocket API's subscriptions, and who may do what with it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam

from cdp_constructs.core.acknowledgments import acknowledge

if TYPE_CHECKING:
    from aws_cdk import RemovalPolicy
    from aws_cdk import aws_kms as kms
    from constructs import Construct

_BY_CONNECTION = "ByConnection"
_USE_KEY = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")


def add_subscriptions_table(
    scope: "Construct", *, encryption_key: "kms.IKey | None", removal_policy: "RemovalPolicy"
) -> dynamodb.TableV2:
    """Add the table: an item for each channel and connection."""
    key = dynamodb.Attribute(name="connection", type=dynamodb.AttributeType.STRING)
    table = dynamodb.TableV2(
        scope,
        "Table",
        partition_key=dynamodb.Attribute(name="channel", type=dynamodb.AttributeType.STRING),
        sort_key=key,
        global_secondary_indexes=[
            dynamodb.GlobalSecondaryIndexPropsV2(
                index_name=_BY_CONNECTION, partition_key=key, projection_type=dynamodb.ProjectionType.KEYS_ONLY
            )
        ],
        billing=dynamodb.Billing.on_demand(),
        time_to_live_attribute="expires_at",
        encryption=None if encryption_key is None else dynamodb.TableEncryptionV2.customer_managed_key(encryption_key),
        removal_policy=removal_policy,
    )
    acknowledge(
        table,
        "AwsSolutions-DDB3",
        "It knows open connections only; they end with an outage, and clients subscribe again when they reconnect.",
    )
    return table


def grant_keeping(table: dynamodb.ITableV2, grantee: iam.IGrantable) -> None:
    """Let a function write subscriptions, and find those of a connection."""
    _grant(table, grantee, ["PutItem", "DeleteItem", "BatchWriteItem"], table.table_arn)
    _grant(table, grantee, ["Query"], f"{table.table_arn}/index/{_BY_CONNECTION}")


def grant_finding(
    table: dynamodb.ITableV2, grantee: iam.IGrantable, *, namespaces: Sequence[str] | None = None
) -> iam.Grant:
    """Let a publisher find the connections of channels, and remove those that are gone.

    Args:
        table: The subscriptions.
        grantee: The publisher.
        namespaces: First segments of the channels; None for all.
    """
    conditions: Mapping[str, Mapping[str, Any]] | None = None
    if namespaces is not None:
        keys = [key for name in namespaces for key in (f"/{name}", f"/{name}/*")]
        conditions = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}
    return _grant(table, grantee, ["Query", "DeleteItem"], table.table_arn, conditions)


def _grant(
    table: dynamodb.ITableV2,
    grantee: iam.IGrantable,
    actions: Sequence[str],
    resource: str,
    conditions: Mapping[str, Mapping[str, Any]] | None = None,
) -> iam.Grant:
    grant = iam.Grant.add_to_principal(
        grantee=grantee,
        actions=[f"dynamodb:{action}" for action in actions],
        resource_arns=[resource],
        conditions=conditions,
    )
    key = table.encryption_key
    return grant if key is None else grant.combine(key.grant(grantee, *_USE_KEY))
