"""Policies that bind a role to some partition keys of a table (`dynamodb:LeadingKeys`) are evaluated.

MiniStack's requests do not carry that condition key, and `ForAllValues` holds for a key that is absent: such a policy
would allow everything. This covers the operations on one item and queries of a table; batches, transactions and queries
of an index still lack the key.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import ministack

PRIVATE_NAMES = (
    "ministack.core.iam_actions:dynamodb_service_context",
    "ministack.services.dynamodb:_tables",
)

_iam_actions: Any = ministack.module("core.iam_actions")
_dynamodb: Any = ministack.module("services.dynamodb")


def _queried(request: Mapping[str, Any], name: str) -> Any:
    """Return the value that a query compares the partition key with."""
    names = request.get("ExpressionAttributeNames", {})
    for left, right in re.findall(r"([#\w.-]+)\s*=\s*(:\w+)", request["KeyConditionExpression"]):
        if names.get(left, left) == name:
            return request["ExpressionAttributeValues"][right]
    raise KeyError(name)


def _leading_keys(body: bytes) -> dict[str, list[str]]:
    try:
        request = json.loads(body)
        # A table may be named by its ARN.
        name = _dynamodb._tables.get(request["TableName"].rpartition("/")[2])["pk_name"]
        if "KeyConditionExpression" in request and "IndexName" not in request:
            attribute = _queried(request, name)
        else:
            attribute = (request.get("Key") or request["Item"])[name]
        (value,) = attribute.values()
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}  # another operation, or a request that the service itself will refuse
    return {"dynamodb:LeadingKeys": [str(value)]}


def install() -> None:
    """Add the partition key of the item to what policies are evaluated with."""
    service_context = _iam_actions.dynamodb_service_context
    _iam_actions.dynamodb_service_context = lambda body: {**service_context(body), **_leading_keys(body)}
