"""What can never be an option's value, by the type that its annotation says."""

import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from aws_cdk import Duration, RemovalPolicy

__all__ = ["MAY_BE_EMPTY", "ROOT", "wrong_values"]

ROOT = Path(__file__).parents[2]

MAY_BE_EMPTY = {
    *("description", "comment", "separator", "where", "prefix", "after"),
    *("signature_prefix", "signature_header"),
}
"""Options for which the empty text says something."""

_OTHERS: tuple[Any, ...] = (
    "text",
    "arn:aws:sns:us-east-1:111122223333:topic",
    b"bytes",
    5,
    0,
    2.5,
    float("nan"),
    float("inf"),
    True,
    (),
    [],
    ["text"],
    [None],
    ["text", None],
    {},
    {"key": "value"},
    {"key": None},
    {"key": [None]},
    {"key": float("nan")},
    object(),
    Duration.minutes(1),
    RemovalPolicy.DESTROY,
)
"""One of each kind: all but those of the right kind are wrong for a type."""


def wrong_values(hint: Any, name: str) -> list[Any]:
    """Return a dozen values or more of which none fits the type."""
    return [value for value in _OTHERS if not _fits(hint, name, value)]


def _fits(hint: Any, name: str, value: Any) -> bool:
    """Whether a value could be of the type; what it means is judged by each pattern."""
    origin = get_origin(hint)
    if hint in {Any, object} or isinstance(hint, TypeVar):
        return True
    if origin in {Union, types.UnionType}:
        return any(_fits(one, name, value) for one in get_args(hint))
    if origin is not None:
        return origin is not Literal and _fits_generic(hint, origin, name, value)
    return _fits_plain(hint, value)


def _fits_plain(hint: Any, value: Any) -> bool:
    if hint in {int, float}:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole or (hint is float and value == 2.5)
    if not isinstance(hint, type) or getattr(hint, "_is_protocol", False):
        return False
    return isinstance(value, hint)


def _fits_generic(hint: Any, origin: Any, name: str, value: Any) -> bool:
    if not isinstance(origin, type) or origin is Callable:
        return callable(value)
    if issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(_fits(get_args(hint)[1], name, item) for item in value.values())
    if isinstance(value, list | tuple):
        return all(_fits(get_args(hint)[0], name, item) for item in value)
    return False
