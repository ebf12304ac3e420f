"""The table of a WebSocket API's subscriptions, and who may do what with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.core.cdk import kms
from cdp_constructs.core.keys import USE_TABLE_KEY
from cdp_constructs.core.tables import (
    add_table,
    check_table,
    key_of,
    string_attribute,
)

_BY_CONNECTION = "ByConnection"


@dataclass(frozen=True)
class SubscriptionsTable:
    """An item for each channel and connection."""

    table: dynamodb.ITable
    encryption_key: "kms.IKey | None"
    """The customer-managed key of the table, if it has one."""

    @classmethod
    def existing(cls, scope: "Construct", table: dynamodb.ITable) -> "SubscriptionsTable":
        """Use an existing table."""
        check_table(
            scope,
            table,
            partition_key="channel",
            sort_key="connection",
            indexes={_BY_CONNECTION: ("connection", None)},
        )
        return cls(table, key_of(table, None))

    @classmethod
    def add(
        cls, scope: "Construct", *, encryption_key: "kms.IKey | None", removal_policy: "RemovalPolicy"
    ) -> "SubscriptionsTable":
        """Add the table."""
        table = add_table(
            scope,
            "Table",
            partition_key="channel",
            sort_key="connection",
            indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=_BY_CONNECTION,
                    partition_key=string_attribute("connection"),
                    projection_type=dynamodb.ProjectionType.KEYS_ONLY,
                )
            ],
            encryption_key=encryption_key,
            removal_policy=removal_policy,
        )
        return cls(table, key_of(table, encryption_key))

    def grant_keeping(self, grantee: iam.IGrantable) -> None:
        """Let a function write subscriptions, and find those of a connection."""
        self._grant(grantee, ["PutItem", "DeleteItem", "BatchWriteItem"], self.table.table_arn)
        self._grant(grantee, ["Query"], f"{self.table.table_arn}/index/{_BY_CONNECTION}")

    def grant_finding(self, grantee: iam.IGrantable, *, namespaces: Sequence[str] | None = None) -> iam.Grant:
        """Let a publisher find the connections of channels, and remove those that are gone.

        Args:
            grantee: The publisher.
            namespaces: First segments of the channels; None for all.
        """
        conditions: Mapping[str, Mapping[str, Any]] | None = None
        if namespaces is not None:
            keys = [key for name in namespaces for key in (f"/{name}", f"/{name}/*")]
            conditions = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}
        return self._grant(grantee, ["Query", "DeleteItem"], self.table.table_arn, conditions)

    def _grant(
        self,
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
        key = self.encryption_key
        return grant if key is None else grant.combine(key.grant(grantee, *USE_TABLE_KEY))
