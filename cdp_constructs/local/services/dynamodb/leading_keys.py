"""Policies that bind a role to some partition keys of a table (`dynamodb:LeadingKeys`) are evaluated.

MiniStack does not provide that condition key, and `ForAllValues` is true for an absent key, so such a policy would
allow everything. This covers the operations on one item, queries of a table, batches and transactions. The keys of all
items of a batch are compared, those of other tables too; each item of a transaction is an operation of its own, and has
its own key. Queries of an index still lack the key.
"""

import contextvars
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_dynamodb: Any = ministack.module("services.dynamodb", "_tables")

_keys_of_request: contextvars.ContextVar[list[str]] = contextvars.ContextVar("keys_of_request")
"""What the condition key of this request says."""


def _queried(request: Mapping[str, Any], name: str) -> Any:
    """Return the value that a query compares the partition key with."""
    names = request.get("ExpressionAttributeNames", {})
    for left, right in re.findall(r"([#\w.-]+)\s*=\s*(:\w+)", request["KeyConditionExpression"]):
        if names.get(left, left) == name:
            return request["ExpressionAttributeValues"][right]
    raise KeyError(name)


def _leading_key(name: str, request: Mapping[str, Any]) -> str:
    """Return the partition key of a request about one item, or of a query of a table."""
    # A table may be named by its ARN.
    key = _dynamodb._tables.get(name.rpartition("/")[2])["pk_name"]
    if "KeyConditionExpression" in request:
        attribute = _queried(request, key)
    else:
        attribute = (request.get("Key") or request["Item"])[key]
    (value,) = attribute.values()
    return str(value)


def _each(request: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the parts of a request that are about one item or one query, each with its table."""
    for part in request.get("TransactItems", []):
        for action in part.values():
            yield action["TableName"], action
    for table, items in request.get("RequestItems", {}).items():
        if isinstance(items, Mapping):
            yield from ((table, {"Key": key}) for key in items["Keys"])
        else:
            yield from ((table, action) for item in items for action in item.values())
    if "TableName" in request:
        yield request["TableName"], request


def _leading_keys(body: bytes) -> dict[str, list[str]]:
    try:
        request = json.loads(body)
        if "IndexName" in request:
            return {}
        keys = [_leading_key(table, part) for table, part in _each(request)]
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}  # another operation, or a request that the service itself will refuse
    _keys_of_request.set(keys)
    return {"dynamodb:LeadingKeys": keys} if keys else {}


@patch("ministack.core.iam_actions:dynamodb_service_context")
def _with_leading_keys(original: Callable[[bytes], dict[str, Any]], body: bytes) -> dict[str, Any]:
    return {**original(body), **_leading_keys(body)}


class _Checks(list[tuple[str, str]]):
    """Actions of a transaction; while one of them is checked, the condition key has its item's key only."""

    def __init__(self, checks: list[tuple[str, str]], keys: list[str]) -> None:
        super().__init__(checks)
        self._keys, self._each = keys, list(keys)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for check, key in zip(super().__iter__(), self._each, strict=True):
            self._keys[:] = [key]
            yield check


@patch("ministack.core.iam_actions:dynamodb_transaction_checks")
def _with_key_of_each(
    original: Callable[..., list[tuple[str, str]]], action: str, body: bytes, region: str, account: str
) -> list[tuple[str, str]]:
    checks, keys = original(action, body, region, account), _keys_of_request.get([])
    return _Checks(checks, keys) if len(checks) == len(keys) else checks
