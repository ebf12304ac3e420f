"""What DynamoDB can hold, and which queries it refuses."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeSerializer

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-data-types
_LARGEST_INTEGER = 10**38 - 1
_LARGEST = Decimal("9E125")
_SMALLEST = Decimal("1E-130")
_LONGEST_KEY = 2048
_NAMED = re.compile(r":\w+")
_RANGE = re.compile(r"([#\w]+) BETWEEN (:\w+) AND (:\w+)")


def held(value: Any) -> Any:
    """Return the nearest to a value that an item can hold: text in UTF-8, numbers of 38 digits, nothing infinite."""
    nearest = value
    match value:
        case str():
            nearest = value.encode(errors="replace").decode()
        case bool():
            pass
        case int():
            nearest = max(-_LARGEST_INTEGER, min(value, _LARGEST_INTEGER))
        case float():
            nearest = _number(value)
        case Mapping():
            nearest = {str(held(name)): held(inner) for name, inner in value.items()}
        case list():
            nearest = [held(inner) for inner in value]
    return nearest


def _number(value: float) -> Decimal:
    if not math.isfinite(value):
        return _LARGEST
    number = Decimal(repr(value))
    return Decimal(0) if abs(number) < _SMALLEST else max(-_LARGEST, min(number, _LARGEST))


def typed(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as DynamoDB's API and streams write it."""
    serializer = TypeSerializer()
    return {str(held(name)): serializer.serialize(held(value)) for name, value in item.items()}


def why_refused(query: Mapping[str, Any]) -> str | None:
    """Return why DynamoDB refuses a query: an empty key, a range that ends before it begins, a start outside of it."""
    condition, values = query.get("KeyConditionExpression", ""), query.get("ExpressionAttributeValues", {})
    for name in _NAMED.findall(condition):
        text = values[name].get("S")
        if text is not None and not 0 < len(text.encode()) <= _LONGEST_KEY:
            return f"key {name}"
    found = _RANGE.search(condition)
    if found is None:
        return None
    name, low, high = found[1], values[found[2]]["S"].encode(), values[found[3]]["S"].encode()
    if low > high:
        return "the range ends before it begins"
    start = query.get("ExclusiveStartKey", {}).get(query.get("ExpressionAttributeNames", {}).get(name, name))
    return "the start is outside of the range" if start and not low <= start["S"].encode() <= high else None
