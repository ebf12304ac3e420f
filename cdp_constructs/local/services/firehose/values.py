"""Firehose: a JSON value as its column of the schema takes it, or not at all.

DuckDB would round fractions in columns of integers. And it guesses one type for the values of all records of a batch,
so values that fit alone could fail together. Here each value becomes one of the column's type first.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["UnfitValueError", "value_for"]


class UnfitValueError(ValueError):
    """The value does not fit the type of its column."""


def value_for(column_type: str, value: Any) -> Any:
    """Return a value as one of a column's type; of types that are not listed here, as it is.

    Raises:
        UnfitValueError: it does not fit.
    """
    convert = _TYPES.get(column_type.lower())
    if value is None or convert is None:
        return value
    try:
        return convert(value)
    except (OverflowError, TypeError, ValueError):
        raise UnfitValueError(f"{value!r} is no {column_type}") from None


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    text.encode()  # half a surrogate pair cannot be written
    return text


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    return float(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    return int(value)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUTHS:
        return _TRUTHS[value.lower()]
    raise TypeError


_TRUTHS: Mapping[str, bool] = {"true": True, "false": False}
_TYPES: Mapping[str, Callable[[Any], Any]] = {
    "string": _text,
    "double": _number,
    "float": _number,
    "tinyint": _integer,
    "smallint": _integer,
    "int": _integer,
    "bigint": _integer,
    "boolean": _truth,
}
