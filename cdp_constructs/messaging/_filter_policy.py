"""Checks a subscription filter policy against the limits of SNS and hands it to the CDK."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from aws_cdk import aws_sns as sns

from cdp_constructs.core.validation import InvalidOptionError

FilterOn = Literal["attributes", "body"]
FilterPolicy = Mapping[str, Any]

_LIMITS = "https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html"
_MOST_KEYS = 5
_MOST_COMBINATIONS = 150


def filter_options(path: str, policy: FilterPolicy | None, filter_on: str) -> dict[str, Any]:
    """Return the keyword arguments of ``sns.Subscription`` for a filter policy in the JSON form of the SNS guide.

    Raises:
        InvalidOptionError: when SNS would refuse the policy: no key or more than five, an empty list of values, more
            than 150 combinations, nesting in a filter on attributes, or ``filter_on`` of another kind.
    """
    if filter_on not in ("attributes", "body"):
        raise InvalidOptionError(path, "filter_on", f"is {filter_on!r}", 'Use "attributes" or "body"')
    if policy is None:
        if filter_on == "body":
            raise InvalidOptionError(path, "filter_on", "is 'body' without a filter_policy", "Give filter_policy")
        return {}
    _check(path, policy, nesting_allowed=filter_on == "body")
    if filter_on == "body":
        return {"filter_policy_with_message_body": {key: _filter_or_policy(value) for key, value in policy.items()}}
    return {"filter_policy": {key: sns.SubscriptionFilter(list(values)) for key, values in policy.items()}}


def _check(path: str, policy: FilterPolicy, *, nesting_allowed: bool) -> None:
    if not 1 <= len(policy) <= _MOST_KEYS:
        raise InvalidOptionError(
            path, "filter_policy", f"has {len(policy)} keys", f"Use 1 to {_MOST_KEYS} keys ({_LIMITS})"
        )
    if not nesting_allowed and any(isinstance(value, Mapping) for value in policy.values()):
        raise InvalidOptionError(
            path,
            "filter_policy",
            "is nested, but message attributes are flat",
            'Give filter_on="body", or lists of values',
        )
    combinations = _combinations(path, policy, depth=1)
    if combinations > _MOST_COMBINATIONS:
        raise InvalidOptionError(
            path,
            "filter_policy",
            f"has {combinations} combinations of values",
            f"Use at most {_MOST_COMBINATIONS}: the product of the number of values of each key, times the depth of "
            f"nested keys ({_LIMITS})",
        )


def _combinations(path: str, policy: FilterPolicy, depth: int) -> int:
    combinations = 1
    for key, values in policy.items():
        if isinstance(values, Mapping):
            combinations *= _combinations(path, values, depth + 1)
            continue
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise InvalidOptionError(
                path,
                "filter_policy",
                f"has {values!r} for {key!r}",
                f'Give a list of one or more values, such as {{"{key}": ["value", {{"prefix": "start"}}]}}',
            )
        combinations *= len(values) * depth
    return combinations


def _filter_or_policy(value: Any) -> sns.FilterOrPolicy:
    if isinstance(value, Mapping):
        return sns.FilterOrPolicy.policy({key: _filter_or_policy(inner) for key, inner in value.items()})
    return sns.FilterOrPolicy.filter(sns.SubscriptionFilter(list(value)))
