"""Operators.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
"""

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from cdp_constructs.local.services.iot.sql.message import Evaluate
from cdp_constructs.local.services.iot.sql.values import (
    DECIMALS,
    UNDEFINED,
    as_boolean,
    as_decimal,
    as_number,
    as_text,
    equal,
    from_decimal,
)

__all__ = ["BINARY", "all_of", "any_of", "is_like", "negation", "remainder"]

_Calculate = Callable[[Decimal, Decimal], Decimal]


def _whole(value: int) -> Any:
    # Almost every Int is short, and the conversion to a Decimal costs more than the addition.
    return value if -(10**18) < value < 10**18 else from_decimal(Decimal(value))


def _arithmetic(of_integers: Callable[[int, int], int], of_decimals: _Calculate) -> Callable[[Any, Any], Any]:
    def calculate(left: Any, right: Any) -> Any:
        if type(left) is int and type(right) is int:
            return _whole(of_integers(left, right))
        one, other = as_decimal(left), as_decimal(right)
        return UNDEFINED if one is None or other is None else from_decimal(of_decimals(one, other))

    return calculate


def _divided(left: int, right: int) -> int:
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _rest(left: int, right: int) -> int:
    # It has the sign of the dividend.
    return -(abs(left) % abs(right)) if left < 0 else left % abs(right)


def _unless_zero(calculate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def checked(left: Any, right: Any) -> Any:
        return UNDEFINED if as_number(right) == 0 else calculate(left, right)

    return checked


_add = _arithmetic(operator.add, DECIMALS.add)
remainder = _unless_zero(_arithmetic(_rest, DECIMALS.remainder))
"""The remainder of a division, for `%` and `mod`."""


def _plus(left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        one, other = as_text(left), as_text(right)
        return UNDEFINED if one is None or other is None else one + other
    return _add(left, right)


def _equality(*, expected: bool) -> Callable[[Any, Any], Any]:
    def compare(left: Any, right: Any) -> Any:
        return UNDEFINED if left is UNDEFINED or right is UNDEFINED else equal(left, right) is expected

    return compare


def _order(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def compared(left: Any, right: Any) -> Any:
        one, other = as_number(left), as_number(right)
        return UNDEFINED if one is None or other is None else compare(one, other)

    return compared


BINARY: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": _plus,
    "-": _arithmetic(operator.sub, DECIMALS.subtract),
    "*": _arithmetic(operator.mul, DECIMALS.multiply),
    "/": _unless_zero(_arithmetic(_divided, DECIMALS.divide)),
    "%": remainder,
    "=": _equality(expected=True),
    "<>": _equality(expected=False),
    "<": _order(operator.lt),
    "<=": _order(operator.le),
    ">": _order(operator.gt),
    ">=": _order(operator.ge),
}
"""Operators with two values."""


def _decided(left: Evaluate, right: Evaluate, *, by: bool) -> Evaluate:
    def decide(message: Any, scope: Any) -> Any:
        one = as_boolean(left(message, scope))
        if one is by:
            return by
        other = as_boolean(right(message, scope))
        if other is by:
            return by
        return UNDEFINED if one is None or other is None else not by

    return decide


def all_of(left: Evaluate, right: Evaluate) -> Evaluate:
    """AND: false if one is false, Undefined if one is no Boolean, else true."""
    return _decided(left, right, by=False)


def any_of(left: Evaluate, right: Evaluate) -> Evaluate:
    """OR: true if one is true, Undefined if one is no Boolean, else false."""
    return _decided(left, right, by=True)


def negation(operand: Evaluate) -> Evaluate:
    """NOT: Undefined for what is no Boolean."""

    def negate(message: Any, scope: Any) -> Any:
        value = as_boolean(operand(message, scope))
        return UNDEFINED if value is None else not value

    return negate


def is_like(pattern: str) -> Callable[[Any], Any]:
    """LIKE: `%` stands for any characters, `_` for one."""
    signs = {"%": ".*", "_": "."}
    expression = re.compile("".join(signs.get(sign) or re.escape(sign) for sign in pattern), re.DOTALL)

    def matches(value: Any) -> Any:
        text = as_text(value)
        return UNDEFINED if text is None else expression.fullmatch(text) is not None

    return matches
