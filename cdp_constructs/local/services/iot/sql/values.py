"""Values of AWS IoT SQL, which are those of JSON and Undefined, and how one type becomes another.

Fractions are calculated with 34 digits, as on AWS, and kept as doubles. A number without a fraction is an Int, as in
SQL version 2016-03-23. https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
"""

import decimal
import json
import math
import re
from decimal import Decimal
from typing import Any

__all__ = [
    "DECIMALS",
    "UNDEFINED",
    "as_boolean",
    "as_decimal",
    "as_integer",
    "as_number",
    "as_text",
    "equal",
    "from_decimal",
    "from_double",
    "read_json",
]

UNDEFINED: Any = type("Undefined", (), {"__repr__": lambda _self: "Undefined"})()
"""What an attribute has that is not there; it is left out of what a rule selects."""

_DIGITS = 34
DECIMALS = decimal.Context(prec=_DIGITS, Emax=999, Emin=-999, traps=[])
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE]-?[0-9]+)?")
_EXACT = 2.0**53
"""Below it, a double without a fraction is exactly one integer."""


def from_double(value: float) -> Any:
    """Return a double as SQL has it: without a fraction an Int, and Undefined when it is no number."""
    if value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value if math.isfinite(value) else UNDEFINED


def from_decimal(value: Decimal) -> Any:
    """Return a Decimal as SQL has it; Undefined when it is beyond what SQL has."""
    rounded = DECIMALS.plus(value)
    if not rounded.is_finite():
        return UNDEFINED
    if rounded.adjusted() < _DIGITS and rounded == rounded.to_integral_value():
        return int(rounded)
    return from_double(float(rounded))


def _fraction(text: str) -> Any:
    value = from_double(float(text))
    if value is UNDEFINED:
        raise ValueError(f"{text} is larger than a double")
    return value


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(parse_float=_fraction, parse_constant=_constant)


def read_json(payload: bytes) -> Any:
    """Return what JSON stands for.

    Raises:
        ValueError: the payload is not JSON in UTF-8, or has longer numbers than can be read.
        RecursionError: it is nested too deeply to be read.
    """
    return _DECODER.decode(payload.decode())


def as_number(value: Any) -> int | float | None:
    """Return an Int or a Decimal, also for a string that has one; None for anything else."""
    kind = type(value)
    if kind is int or kind is float:
        return value  # type: ignore[no-any-return]  # mypy does not follow the type of `value`
    if kind is str and _NUMBER.fullmatch(value):
        number = from_decimal(Decimal(value))
        return None if number is UNDEFINED else number
    return None


def as_decimal(value: Any) -> Decimal | None:
    """Return a number with all of its digits; None for what is none."""
    number = as_number(value)
    return None if number is None else Decimal(repr(number) if isinstance(number, float) else number)


def as_integer(value: Any) -> int | None:
    """Return a number rounded down; None for what is none."""
    number = as_number(value)
    return None if number is None else math.floor(number)


def as_text(value: Any) -> str | None:
    """Return a string, JSON for arrays and objects; None for Null and Undefined."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(Decimal(repr(value)))
    if isinstance(value, list | dict):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return None


def as_boolean(value: Any) -> bool | None:
    """Return a Boolean, also for the strings "true" and "false"; None for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return None


def equal(left: Any, right: Any) -> bool:
    """Whether two values are equal; those of different types are not, except Int and Decimal."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    return bool(left == right)
