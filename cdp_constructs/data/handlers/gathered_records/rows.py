"""Records as lines of JSON that Firehose can convert. Nothing here does I/O."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from .messages import UnreadableRecordError

__all__ = ["line_of"]


def line_of(record: Mapping[str, Any], columns: Mapping[str, str]) -> bytes:
    """Return the columns of a record as one line.

    Raises:
        UnreadableRecordError: a value does not fit the type of its column, or nobody knows when it was.
    """
    row = {name: record[name] for name in columns if record.get(name) is not None}
    if "at" not in row:
        raise UnreadableRecordError("at is missing")
    for name, value in row.items():
        if not _FITS[columns[name]](value):
            raise UnreadableRecordError(f"{name} is {repr(value)[:50]} and no {columns[name]}")
    try:
        return json.dumps(row, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except ValueError as error:
        raise UnreadableRecordError(f"it is no JSON: {error}") from error


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_double(value: Any) -> bool:
    try:
        return _is_number(value) and math.isfinite(value)
    except OverflowError:  # an integer that no float holds
        return False


def _is_integer(value: Any, bits: int) -> bool:
    return _is_double(value) and value == int(value) and -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "bigint": lambda value: _is_integer(value, 64),
    "boolean": lambda value: isinstance(value, bool),
    "double": _is_double,
    "int": lambda value: _is_integer(value, 32),
    "string": lambda _value: True,
}
