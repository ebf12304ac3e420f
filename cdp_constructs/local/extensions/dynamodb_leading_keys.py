"""Policies that bind a role to some partition keys of a table (`dynamodb:LeadingKeys`) are evaluated.

MiniStack's requests do not carry that condition key, and `ForAllValues` holds for a key that is absent: such a policy
would allow everything. This covers the operations on one item; queries, batches and transactions still lack the key.
"""

import json
from typing import Any

from cdp_constructs.local.extensions import _ministack

PRIVATE_NAMES = (
    "ministack.core.iam_actions:dynamodb_service_context",
    "ministack.services.dynamodb:_tables",
)

_iam_actions: Any = _ministack.module("core.iam_actions")
_dynamodb: Any = _ministack.module("services.dynamodb")


def _leading_keys(body: bytes) -> dict[str, list[str]]:
    try:
        request = json.loads(body)
        # A table may be named by its ARN.
        table = _dynamodb._tables.get(request["TableName"].rpartition("/")[2])
        item = request.get("Key") or request["Item"]
        (value,) = item[table["pk_name"]].values()
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}  # another operation, or a request that the service itself will refuse
    return {"dynamodb:LeadingKeys": [str(value)]}


def install() -> None:
    """Add the partition key of the item to what policies are evaluated with."""
    service_context = _iam_actions.dynamodb_service_context
    _iam_actions.dynamodb_service_context = lambda body: {**service_context(body), **_leading_keys(body)}
