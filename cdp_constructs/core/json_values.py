"""JSON that is given to a pattern: refused where the CDK would lose or change a part of it on its way into a file."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from constructs import Construct

from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["checked_json"]

# The CDK's numbers are those of JavaScript.
_LARGEST_WHOLE_NUMBER = 2**53 - 1
_FIX = "Give texts, numbers, True, False, and lists and mappings of them"


def checked_json(construct: Construct, option: str, value: Any, place: str = "") -> Any:
    """Return a value with lists and dictionaries in the place of other sequences and mappings; tokens stay.

    Args:
        construct: The pattern.
        option: The option's name.
        value: What was given.
        place: Where in the option it is.

    Raises:
        InvalidOptionError: for None as the value of a key, which would be left out; for numbers that JSON or the CDK
            does not have; for keys that are no text, and for other objects.
    """
    if isinstance(value, Mapping):
        return {
            _key(construct, option, key, place): _item(construct, option, item, f"{place}.{key}".lstrip("."))
            for key, item in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        items = enumerate(value)
        return [checked_json(construct, option, item, f"{place}[{number}]") for number, item in items]
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidOptionError(construct, option, _problem(value, place), "Give a number that JSON has, or a text")
    if isinstance(value, int) and abs(value) > _LARGEST_WHOLE_NUMBER:
        fix = f"Give a whole number from -{_LARGEST_WHOLE_NUMBER:,} to {_LARGEST_WHOLE_NUMBER:,}, or a text"
        raise InvalidOptionError(construct, option, _problem(value, place), fix)
    if value is None or isinstance(value, str | int | float) or hasattr(value, "resolve"):  # the last is a token
        return value
    raise InvalidOptionError(construct, option, _problem(value, place), _FIX)


def _key(construct: Construct, option: str, key: Any, place: str) -> str:
    if isinstance(key, str):
        return key
    raise InvalidOptionError(construct, option, _problem(key, place), "Give keys that are texts")


def _item(construct: Construct, option: str, item: Any, place: str) -> Any:
    if item is None:
        fix = "Leave the key out, which is what the CDK would do"
        raise InvalidOptionError(construct, option, _problem(item, place), fix)
    return checked_json(construct, option, item, place)


def _problem(value: Any, place: str) -> str:
    return f"contains {value!r} at {place!r}" if place else f"contains {value!r}"
