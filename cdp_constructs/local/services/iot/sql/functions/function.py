"""How functions are declared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Function", "of", "of_message"]


@dataclass(frozen=True)
class Function:
    """A function of AWS IoT SQL.

    Attributes:
        call: Gets the values of the arguments, and returns the value.
        least: The least number of arguments; with fewer the value is Undefined.
        most: The largest number of arguments; with more the value is Undefined.
        of_message: Gets the message as the first argument.
    """

    call: Callable[..., Any]
    least: int
    most: int
    of_message: bool = False


def of(count: int, functions: Mapping[str, Callable[..., Any]], most: int | None = None) -> dict[str, Function]:
    """Declare functions that take so many values, up to `most`."""
    return {name: Function(call, count, most or count) for name, call in functions.items()}


def of_message(least: int, most: int, functions: Mapping[str, Callable[..., Any]]) -> dict[str, Function]:
    """Declare functions that also look at the message."""
    return {name: Function(call, least, most, of_message=True) for name, call in functions.items()}
