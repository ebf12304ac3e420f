"""SNS: subscriptions that AWS refuses: endpoints that do not fit their protocol, and malformed filter policies.

https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html. The operators are those of event
patterns, which MiniStack's EventBridge checks.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.validation import InvalidValueError, validate

_events: Any = ministack.module("services.eventbridge", "_event_pattern_error")

_MOST_KEYS = 5
_MOST_COMBINATIONS = 150
_LARGEST_NUMBER = 10**9
_OR = "$or"
_MAIL = re.compile(r"[^\s@,;:<>()\[\]\\\"]+@(?:[^\s@.,;:/<>()\[\]\\\"]+\.)+[^\s@.,;:/<>()\[\]\\\"\d]+")
_ENDPOINTS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "application": (re.compile(r"arn:[^:]+:sns:.+"), "Application endpoint ARN"),
    "email": (_MAIL, "Email address"),
    "email-json": (_MAIL, "Email address"),
    "firehose": (re.compile(r"arn:[^:]+:firehose:[^:]+:\d{12}:deliverystream/.+"), "Delivery stream ARN"),
    "http": (re.compile(r"http://[^\s/]+\S*"), "Endpoint must match the specified protocol"),
    "https": (re.compile(r"https://[^\s/]+\S*"), "Endpoint must match the specified protocol"),
    "lambda": (re.compile(r"arn:[^:]+:lambda:[^:]+:\d{12}:function:.+"), "Lambda endpoint ARN"),
    "sms": (re.compile(r"\+?[1-9][0-9 ()-]{5,19}"), "Invalid SMS endpoint"),
    "sqs": (re.compile(r"arn:[^:]+:sqs:[^:]+:\d{12}:.+"), "SQS endpoint ARN"),
}
_MOST_MAIL = 254


def _refuse(reason: str) -> InvalidValueError:
    return InvalidValueError("InvalidParameter", f"Invalid parameter: {reason}")


@validate(types=("AWS::SNS::Subscription",), requests={"sns": ("Subscribe",)})
def _subscription(values: Mapping[str, Any]) -> None:
    _check_endpoint(values["Protocol"], values.get("Endpoint") or "")
    _check_attributes({**values, **(values.get("Attributes") or {})})


@validate(types=("AWS::SNS::Topic",))
def _inline(values: Mapping[str, Any]) -> None:
    for each in values.get("Subscription") or ():
        _check_endpoint(each["Protocol"], each.get("Endpoint") or "")


@validate(requests={"sns": ("SetSubscriptionAttributes",)})
def _attribute(values: Mapping[str, Any]) -> None:
    # The scope is known to the service; where it is not, nesting is allowed.
    _check_attributes({values["AttributeName"]: values.get("AttributeValue") or "", "FilterPolicyScope": "MessageBody"})


def _check_endpoint(protocol: str, endpoint: str) -> None:
    if protocol not in _ENDPOINTS:
        raise _refuse(f"Amazon SNS does not support this protocol string: {protocol}")
    pattern, reason = _ENDPOINTS[protocol]
    if not pattern.fullmatch(endpoint) or (pattern is _MAIL and len(endpoint) > _MOST_MAIL):
        raise _refuse(f"{reason}: {endpoint}")


def _check_attributes(values: Mapping[str, Any]) -> None:
    scope = values.get("FilterPolicyScope") or "MessageAttributes"
    if scope not in {"MessageAttributes", "MessageBody"}:
        raise _refuse(f"FilterPolicyScope: Invalid value [{scope}]. Please use either MessageBody or MessageAttributes")
    raw = str(values.get("RawMessageDelivery") or "false").lower()
    if raw not in {"true", "false"}:
        raise _refuse(f"Attributes Reason: RawMessageDelivery: Invalid value [{raw}]. Must be true or false.")
    if policy := values.get("FilterPolicy"):
        try:
            document = json.loads(policy) if isinstance(policy, str) else policy
        except (RecursionError, ValueError) as error:
            raise _refuse("FilterPolicy: failed to parse JSON.") from error
        if document and (problem := _filter_problem(document, nested=scope == "MessageBody")):
            raise _refuse(f"FilterPolicy: {problem}")


def _filter_problem(policy: Any, *, nested: bool) -> str | None:
    if not isinstance(policy, Mapping):
        return "it is not an object"
    if not nested and (deep := [key for key, value in policy.items() if isinstance(value, Mapping)]):
        return f'Filter policy scope MessageAttributes does not support nested filter policy: "{deep[0]}"'
    if len(policy) > _MOST_KEYS:
        return f"Filter policy can not have more than {_MOST_KEYS} keys"
    # What its operators are makes counting possible.
    return _events._event_pattern_error(json.dumps(policy)) or _too_much(policy)


def _too_much(policy: Mapping[str, Any]) -> str | None:
    if any(abs(number) > _LARGEST_NUMBER for number in _numbers(policy)):
        return f"a number is not from -{_LARGEST_NUMBER:,} to {_LARGEST_NUMBER:,}"
    count = _combinations(policy, 1)
    return f"Filter policy is too complex: {count} combinations" if count > _MOST_COMBINATIONS else None


def _numbers(value: Any) -> list[float]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [value]
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [number for part in parts for number in _numbers(part)]


def _combinations(policy: Mapping[str, Any], depth: int) -> int:
    count = 1
    for key, values in policy.items():
        if key == _OR and all(isinstance(each, Mapping) for each in values):
            count *= sum(_combinations(each, depth) for each in values)
        elif isinstance(values, Mapping):
            count *= _combinations(values, depth + 1)
        else:
            count *= len(values) * depth
    return count
