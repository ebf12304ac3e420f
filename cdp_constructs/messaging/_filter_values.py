"""The values of a filter policy: strings, numbers, true, false, and the operators of SNS."""

import ipaddress
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from aws_cdk import Token

__all__ = ["value_problem"]

_Problem: TypeAlias = tuple[str, str] | None
"""What is wrong and what to write instead; None when nothing is."""

# https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
_LARGEST_NUMBER = 10**9
_TEXT_OPERATORS = ("prefix", "suffix", "equals-ignore-case", "wildcard")
_UPPER, _LOWER = ("<", "<="), (">", ">=")


def value_problem(value: Any) -> _Problem:
    """Return what SNS would refuse about a value, or the CDK would change on its way into the template."""
    if value is None:
        return "null is lost on its way into the template", 'Use {"exists": false} for what is not there'
    if isinstance(value, bool | str):
        return None
    if isinstance(value, int | float):
        return _number(value)
    return _operator(value)


def _operator(value: Any) -> _Problem:
    if hasattr(value, "resolve"):  # a token
        return None
    if not isinstance(value, Mapping):
        return "a value is a string, a number, true, false or an operator", 'Write such as {"prefix": "start"}'
    if len(value) != 1:
        return "an operator is an object with one key", 'Write such as {"prefix": "start"}, and each in its own object'
    ((operator, operand),) = value.items()
    check = _OPERATORS.get(operator)
    if check is None:
        return f"there is no operator {operator!r}", f"Use one of {', '.join(sorted(_OPERATORS))}"
    return check(operand)


def _number(value: float) -> _Problem:
    # A token is a finite float beyond every range.
    if abs(value) <= _LARGEST_NUMBER or (
        isinstance(value, float) and math.isfinite(value) and Token.is_unresolved(value)
    ):
        return None
    return "the number is out of range", f"Use a number from -{_LARGEST_NUMBER:,} to {_LARGEST_NUMBER:,}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(operand: Any) -> _Problem:
    if isinstance(operand, str) and operand:
        return None
    return "the operator takes a string that is not empty", 'Write such as {"prefix": "start"}'


def _wildcard(operand: Any) -> _Problem:
    if problem := _text(operand):
        return problem
    return ("two asterisks follow each other", 'Write such as {"wildcard": "a*z"}') if "**" in operand else None


def _exists(operand: Any) -> _Problem:
    return None if isinstance(operand, bool) else ("exists is true or false", 'Write {"exists": false}')


def _address_range(operand: Any) -> _Problem:
    try:
        ipaddress.ip_network(operand, strict=False)
    except (TypeError, ValueError):
        return "it is no range of addresses", 'Write such as {"cidr": "10.0.0.0/24"}'
    return None if isinstance(operand, str) else ("it is no text", 'Write such as {"cidr": "10.0.0.0/24"}')


def _numeric(operand: Any) -> _Problem:
    fix = 'Write {"numeric": ["=", 5]}, or one limit or two: {"numeric": [">=", 0, "<", 100]}'
    if not isinstance(operand, list | tuple) or len(operand) not in {2, 4}:
        return "numeric takes a comparison and a number, once or twice", fix
    comparisons, numbers = operand[::2], operand[1::2]
    for number in numbers:
        if not _is_number(number):
            return f"{number!r} is no number", fix
        if problem := _number(number):
            return problem
    if len(comparisons) == 1:
        return (
            None if comparisons[0] in {"=", *_UPPER, *_LOWER} else (f"there is no comparison {comparisons[0]!r}", fix)
        )
    if comparisons[0] not in _LOWER or comparisons[1] not in _UPPER:
        return "of two limits the first is the lower one and the second the upper one", fix
    return None if numbers[0] < numbers[1] else ("no number is between these limits", fix)


def _anything_but(operand: Any) -> _Problem:
    fix = 'Write {"anything-but": ["a", "b"]}, {"anything-but": 5} or {"anything-but": {"prefix": "a"}}'
    if isinstance(operand, Mapping):
        if len(operand) == 1 and next(iter(operand)) in _TEXT_OPERATORS:
            ((name, inner),) = operand.items()
            return next((found for one in _listed(inner) if (found := _OPERATORS[name](one))), None)
        return f"anything-but takes one of {', '.join(_TEXT_OPERATORS)}", fix
    listed = _listed(operand)
    texts, numbers = [isinstance(one, str) for one in listed], [_is_number(one) for one in listed]
    if not listed or not (all(texts) or all(numbers)):
        return "anything-but takes strings or numbers, not both and not none", fix
    return next((found for one in listed if _is_number(one) and (found := _number(one))), None)


def _listed(operand: Any) -> list[Any]:
    return list(operand) if isinstance(operand, list | tuple) else [operand]


_OPERATORS: Mapping[str, Callable[[Any], _Problem]] = {
    **dict.fromkeys(_TEXT_OPERATORS, _text),
    "anything-but": _anything_but,
    "cidr": _address_range,
    "exists": _exists,
    "numeric": _numeric,
    "wildcard": _wildcard,
}
