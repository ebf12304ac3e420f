"""The table of a storage index (one item for each object, found by owner and by day), and what its items go by."""

import re
from collections.abc import Mapping, Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from cdp_constructs.core.cdk import kms
from cdp_constructs.core.meanings import check_replica_regions
from cdp_constructs.core.tables import add_table, check_table, string_attribute
from cdp_constructs.core.validation import InvalidOptionError

OWNER_INDEX, DAY_INDEX = "ByOwner", "ByDay"
_METADATA_NAME = re.compile("[a-z0-9][a-z0-9-]{0,63}")


def check_names(scope: Construct, *, prefix: str, owner_metadata: str | None) -> None:
    """Check what objects are selected and owned by.

    Raises:
        InvalidOptionError: for a prefix that is no folder, or a name that no user metadata has.
    """
    if prefix and not prefix.endswith("/"):
        raise InvalidOptionError(scope, "prefix", f"is {prefix!r}", f"Use {prefix + '/'!r}, a folder of the bucket")
    if owner_metadata is not None and not _METADATA_NAME.fullmatch(owner_metadata):
        fix = "Use its name in lower case without x-amz-meta-, such as 'album'"
        raise InvalidOptionError(scope, "owner_metadata", f"is {owner_metadata!r}", fix)


_INDEX_KEYS: Mapping[str, tuple[str, str | None]] = {
    OWNER_INDEX: ("owner", "modified_at"),
    DAY_INDEX: ("day", "modified_at"),
}


def check_index_table(scope: Construct, table: dynamodb.ITable) -> None:
    """Refuse an existing table that is none of an index; see ``check_table``."""
    check_table(scope, table, partition_key="object", indexes=_INDEX_KEYS)


def add_index_table(
    scope: Construct,
    construct_id: str,
    *,
    removal_policy: RemovalPolicy,
    encryption_key: "kms.IKey | None" = None,
    replica_regions: Sequence[str] = (),
) -> dynamodb.TableV2:
    """Add the table of one or several indexes; see ``add_table``."""
    check_replica_regions(scope, replica_regions)
    return add_table(
        scope,
        construct_id,
        partition_key="object",
        indexes=[
            dynamodb.GlobalSecondaryIndexPropsV2(
                index_name=name,
                partition_key=string_attribute(key),
                sort_key=string_attribute(str(sort_key)),
            )
            for name, (key, sort_key) in _INDEX_KEYS.items()
        ],
        encryption_key=encryption_key,
        removal_policy=removal_policy,
        replica_regions=replica_regions,
    )
