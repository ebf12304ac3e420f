"""Checks a subscription filter policy against the rules of SNS and hands it to the CDK."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from aws_cdk import aws_sns as sns

from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.messaging._filter_values import value_problem

FilterOn = Literal["attributes", "body"]
FilterPolicy = Mapping[str, Any]

_LIMITS = "https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html"
_MOST_KEYS = 5
_MOST_COMBINATIONS = 150
_OR = "$or"
_FEWEST_ALTERNATIVES = 2


def filter_options(path: str, policy: FilterPolicy | None, filter_on: str) -> dict[str, Any]:
    """Return the keyword arguments of ``sns.Subscription`` for a filter policy in the JSON form of the SNS guide.

    Raises:
        InvalidOptionError: when SNS would refuse the policy or the CDK would change it: no key or more than five, an
            empty list or nested policy, an unknown operator, null, a number out of range, more than 150 combinations,
            nesting in a filter on attributes, or ``filter_on`` of another kind.
    """
    if filter_on not in ("attributes", "body"):
        raise InvalidOptionError(path, "filter_on", f"is {filter_on!r}", 'Use "attributes" or "body"')
    if policy is None:
        if filter_on == "body":
            raise InvalidOptionError(path, "filter_on", "is 'body' without a filter_policy", "Give filter_policy")
        return {}
    if not isinstance(policy, Mapping):
        raise _invalid(path, f"is {policy!r}", 'Give lists of values by name, such as {"kind": ["order"]}')
    _check(path, policy, nesting_allowed=filter_on == "body")
    if filter_on == "body":
        return {"filter_policy_with_message_body": {key: _filter_or_policy(value) for key, value in policy.items()}}
    return {"filter_policy": {key: sns.SubscriptionFilter(list(values)) for key, values in policy.items()}}


def _invalid(path: str, problem: str, fix: str) -> InvalidOptionError:
    return InvalidOptionError(path, "filter_policy", problem, fix)


def _check(path: str, policy: FilterPolicy, *, nesting_allowed: bool) -> None:
    if not 1 <= len(policy) <= _MOST_KEYS:
        raise _invalid(path, f"has {len(policy)} keys", f"Use 1 to {_MOST_KEYS} keys ({_LIMITS})")
    if not nesting_allowed and any(isinstance(value, Mapping) for value in policy.values()):
        raise _invalid(path, "is nested, but message attributes are flat", 'Give filter_on="body", or lists of values')
    combinations = _combinations(path, policy, "", depth=1)
    if combinations > _MOST_COMBINATIONS:
        raise _invalid(
            path,
            f"has {combinations} combinations of values",
            f"Use at most {_MOST_COMBINATIONS}: the product of the number of values of each key, times the depth of "
            f"nested keys ({_LIMITS})",
        )


def _combinations(path: str, policy: FilterPolicy, place: str, depth: int) -> int:
    if not policy:
        raise _invalid(path, f"contains an empty policy for {place!r}", "Name what is inside, or leave the key out")
    combinations = 1
    for key, values in policy.items():
        if not isinstance(key, str) or not key:
            raise _invalid(path, f"contains the key {key!r}", "Use the name of an attribute or of a field of the body")
        where = f"{place}.{key}" if place else key
        if key == _OR:
            combinations *= _alternatives(path, values, where, depth)
        elif isinstance(values, Mapping):
            combinations *= _combinations(path, values, where, depth + 1)
        else:
            combinations *= _values(path, key, values, where) * depth
    return combinations


def _alternatives(path: str, policies: Any, place: str, depth: int) -> int:
    """Return the combinations of policies of which one has to match."""
    listed = isinstance(policies, Sequence) and all(isinstance(policy, Mapping) for policy in policies)
    if not listed or len(policies) < _FEWEST_ALTERNATIVES:
        fix = 'Give a list of two policies or more, such as {"$or": [{"kind": ["order"]}, {"total": [1]}]}'
        raise _invalid(path, f"contains {policies!r} for {place!r}", fix)
    return sum(_combinations(path, policy, f"{place}[{number}]", depth) for number, policy in enumerate(policies))


def _values(path: str, key: str, values: Any, place: str) -> int:
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise _invalid(
            path,
            f"contains {values!r} for {place!r}",
            f'Give a list of one or more values, such as {{"{key}": ["value", {{"prefix": "start"}}]}}',
        )
    for value in values:
        if found := value_problem(value):
            problem, fix = found
            raise _invalid(path, f"contains {value!r} for {place!r}: {problem}", fix)
    return len(values)


def _filter_or_policy(value: Any) -> sns.FilterOrPolicy:
    if isinstance(value, Mapping):
        return sns.FilterOrPolicy.policy({key: _filter_or_policy(inner) for key, inner in value.items()})
    return sns.FilterOrPolicy.filter(sns.SubscriptionFilter(list(value)))
