"""How an application asks a storage index."""

from typing import Any

from boto3.dynamodb.conditions import Key


def newest_of_owner(table: Any, owner: str, limit: int = 20) -> list[dict[str, Any]]:
    """Return the owner's objects, the newest first."""
    answer = table.query(
        IndexName="ByOwner", KeyConditionExpression=Key("owner").eq(owner), ScanIndexForward=False, Limit=limit
    )
    items: list[dict[str, Any]] = answer["Items"]
    return items


def changed_between(table: Any, first: str, last: str) -> list[dict[str, Any]]:
    """Return the first page of what changed between two moments of one day, such as ``2026-11-22T17:00:00Z``."""
    when = Key("day").eq(first[:10]) & Key("modified_at").between(first, last)
    items: list[dict[str, Any]] = table.query(IndexName="ByDay", KeyConditionExpression=when)["Items"]
    return items
