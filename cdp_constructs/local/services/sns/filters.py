"""SNS: filter policies compare values by their type, and look into arrays of objects, as SNS does.

MiniStack compares the number 1 with the text "1" and true with "true", takes null in a body for absence, and finds
nothing inside an array of objects, such as the records of an event of S3.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_sns: Any = ministack.module("services.sns", "_is_or_operator", "_key_matches")


@patch("ministack.services.sns:_as_number")
def _number(_original: Callable[[Any], Any], value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@patch("ministack.services.sns:_attr_candidate_values")
def _values_of_attribute(_original: Callable[..., list[Any]], attribute: Mapping[str, Any]) -> list[Any]:
    """Return the values of a message attribute, of the types that its data type says."""
    text = attribute.get("StringValue", "")
    kind = str(attribute.get("DataType") or "").strip()
    try:
        if kind == "String.Array":
            parsed = json.loads(text)
            return parsed if isinstance(parsed, list) else [parsed]
        return [float(text)] if kind.partition(".")[0] == "Number" else [text]
    except ValueError:
        return [text]


@patch("ministack.services.sns:_value_matches")
def _value_matches(original: Callable[[Any, Any], bool], value: Any, rule: Any) -> bool:
    if isinstance(rule, bool) or rule is None:
        return value is rule
    return original(value, rule)


@patch("ministack.services.sns:_body_lookup")
def _as_document(_original: Callable[[Any], Any], body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keep the body as it is; `_policy_matches` below looks into it."""
    return body


@patch("ministack.services.sns:_policy_matches")
def _policy_matches(
    original: Callable[..., bool], policy: Mapping[str, Any], lookup: Any, *nested: bool, **_: Any
) -> bool:
    # What `_as_document` returned is a body; the lookup of attributes is a function.
    return original(policy, lookup, *nested) if callable(lookup) else _body_matches(policy, lookup)


def _body_matches(policy: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    for key, rules in policy.items():
        if key == "$or" and _sns._is_or_operator(rules):
            matches = any(_body_matches(alternative, body) for alternative in rules)
        elif isinstance(rules, dict):
            # One element of an array has to match the whole of the nested policy.
            matches = any(isinstance(one, dict) and _body_matches(rules, one) for one in _found(body, key))
        else:
            values = list(_found(body, key))
            matches = _sns._key_matches(rules, bool(values), values, bool(body))
        if not matches:
            return False
    return True


def _found(body: Mapping[str, Any], key: str) -> Iterator[Any]:
    """Yield the values of a field, one by one where it is an array; `a.b` is also the field `b` inside `a`."""
    if key in body:
        value = body[key]
        yield from value if isinstance(value, list) else [value]
        return
    outer, dot, inner = key.partition(".")
    if dot and outer in body:
        for one in _found(body, outer):
            if isinstance(one, dict):
                yield from _found(one, inner)
