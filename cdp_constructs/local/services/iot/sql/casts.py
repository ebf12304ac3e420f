"""CAST: also between numbers and Booleans, which no other conversion does."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.services.iot.sql.values import UNDEFINED, as_boolean, as_number, as_text

__all__ = ["CASTS"]


def _number(value: Any) -> Any:
    number = int(value) if isinstance(value, bool) else as_number(value)
    return UNDEFINED if number is None else number


def _integer(value: Any) -> Any:
    number = _number(value)
    return number if number is UNDEFINED else math.floor(number)


def _boolean(value: Any) -> Any:
    if isinstance(value, int | float):
        return value != 0
    boolean = as_boolean(value)
    return UNDEFINED if boolean is None else boolean


def _text(value: Any) -> Any:
    text = as_text(value)
    return UNDEFINED if text is None else text


CASTS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("string", "nvarchar", "text", "ntext", "varchar"), _text),
    **dict.fromkeys(("int", "integer"), _integer),
    **dict.fromkeys(("double", "decimal"), _number),
    **dict.fromkeys(("bool", "boolean"), _boolean),
}
"""By the name of the type in lower case."""
