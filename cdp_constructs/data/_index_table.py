"""The table of a storage index: one item for each object, found by owner and by day."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from cdp_constructs.core.cdk import kms
from cdp_constructs.core.tables import add_table, string_attribute

OWNER_INDEX, DAY_INDEX = "ByOwner", "ByDay"


def add_index_table(
    scope: Construct,
    construct_id: str,
    *,
    removal_policy: RemovalPolicy,
    encryption_key: "kms.IKey | None" = None,
    replica_regions: Sequence[str] = (),
) -> dynamodb.TableV2:
    """Add the table of one or several indexes; see ``add_table``."""
    return add_table(
        scope,
        construct_id,
        partition_key="object",
        indexes=[
            dynamodb.GlobalSecondaryIndexPropsV2(
                index_name=name,
                partition_key=string_attribute(key),
                sort_key=string_attribute("modified_at"),
            )
            for name, key in ((OWNER_INDEX, "owner"), (DAY_INDEX, "day"))
        ],
        encryption_key=encryption_key,
        removal_policy=removal_policy,
        replica_regions=replica_regions,
    )
