"""Policies that bind a role to some partition keys of a table (`dynamodb:LeadingKeys`) are evaluated.

MiniStack does not provide that condition key, and `ForAllValues` is true for an absent key, so such a policy would
allow everything. This covers the operations on one item and queries of a table; batches, transactions and queries of an
index still lack the key.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_dynamodb: Any = ministack.module("services.dynamodb", "_tables")


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


@patch("ministack.core.iam_actions:dynamodb_service_context")
def _with_leading_keys(original: Callable[[bytes], dict[str, Any]], body: bytes) -> dict[str, Any]:
    return {**original(body), **_leading_keys(body)}
