"""Which conditions of policies ask for at least as much as others: what is not known to is taken for less.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import ipaddress
import re
from collections.abc import Callable, Mapping

from cdp_constructs.review.values import Values

__all__ = ["Conditions", "as_strict", "conditions_of"]

Conditions = Mapping[tuple[str, str], frozenset[str]]
"""By operator and key what is compared; all of them must hold."""

_NEGATED = {
    "ArnNotEquals",
    "ArnNotLike",
    "NotIpAddress",
    "StringNotEquals",
    "StringNotEqualsIgnoreCase",
    "StringNotLike",
}
"""Operators for which a longer list asks for more."""
_OF_STRINGS = {"StringEquals", "StringLike"}
_OF_ARNS = {"ArnEquals", "ArnLike"}
_LITERAL = {"StringEquals"}
"""Operators without wildcards; both of ARNs have them."""
_UP = ("NumericGreaterThan", "NumericGreaterThanEquals")
_DOWN = ("NumericLessThan", "NumericLessThanEquals")


def conditions_of(document: object, values: Values) -> Conditions:
    """Return the conditions of a statement; keys are compared without case, as IAM does."""
    if not isinstance(document, Mapping):
        return {}
    return {
        (operator, key.lower()): frozenset(values.texts(wanted))
        for operator, keys in document.items()
        if isinstance(keys, Mapping)
        for key, wanted in keys.items()
    }


def as_strict(conditions: Conditions, others: Conditions) -> bool:
    """Return whether whatever fulfils some conditions fulfils others, too."""
    return all(
        any(_implies(one, wanted, other, asked) for one, wanted in conditions.items())
        for other, asked in others.items()
    )


def _implies(one: tuple[str, str], wanted: frozenset[str], other: tuple[str, str], asked: frozenset[str]) -> bool:
    """Return whether a condition asks for at least as much as another one."""
    if one == other and wanted == asked:
        return True
    quantifier, operator, optional = _parts(one[0])
    other_quantifier, other_operator, other_optional = _parts(other[0])
    # A condition that holds also where the key is missing asks for less.
    if one[1] != other[1] or quantifier != other_quantifier or (optional and not other_optional):
        return False
    if operator == other_operator and operator in _NEGATED:
        return asked <= wanted
    if any({operator, other_operator} <= kind for kind in (_OF_STRINGS, _OF_ARNS)):
        return all(any(_fits(operator, text, other_operator, pattern) for pattern in asked) for text in wanted)
    compare = _COMPARED.get(operator)
    return (
        operator == other_operator
        and compare is not None
        and all(any(compare(text, limit) for limit in asked) for text in wanted)
    )


def _parts(operator: str) -> tuple[str, str, bool]:
    """Split ``ForAnyValue:StringLikeIfExists`` into its three parts."""
    quantifier, _, name = operator.rpartition(":")
    return quantifier, name.removesuffix("IfExists"), name.endswith("IfExists")


def _fits(operator: str, text: str, other: str, pattern: str) -> bool:
    """Return whether whatever fits a text fits a pattern."""
    if other in _LITERAL:
        return text == pattern and (operator in _LITERAL or not set("*?") & set(text))
    # A wildcard of an ARN stays within its part; one of a text stands for any number of characters.
    anything = "[^:]*" if other in _OF_ARNS else ".*"
    one = "." if operator in _LITERAL else "[^*]"
    written = "".join(anything if each == "*" else one if each == "?" else re.escape(each) for each in pattern)
    return re.fullmatch(written, text, re.DOTALL) is not None


def _at_least(text: str, limit: str) -> bool:
    return _numbers(text, limit, lambda one, other: one >= other)


def _at_most(text: str, limit: str) -> bool:
    return _numbers(text, limit, lambda one, other: one <= other)


def _numbers(text: str, limit: str, compare: Callable[[float, float], bool]) -> bool:
    try:
        return compare(float(text), float(limit))
    except ValueError:
        return False


def _within(text: str, network: str) -> bool:
    try:
        one, other = ipaddress.ip_network(text, strict=False), ipaddress.ip_network(network, strict=False)
        return one.subnet_of(other)  # type: ignore[arg-type]  # of two versions it raises TypeError
    except (TypeError, ValueError):
        return False


_COMPARED: Mapping[str, Callable[[str, str], bool]] = {
    **dict.fromkeys(_UP, _at_least),
    **dict.fromkeys(_DOWN, _at_most),
    "IpAddress": _within,
    # Of other operators a subset of what was listed asks for at least as much.
    "StringEqualsIgnoreCase": lambda text, other: text.lower() == other.lower(),
    "NumericEquals": str.__eq__,
    "DateEquals": str.__eq__,
    "BinaryEquals": str.__eq__,
}
