"""What fits an annotation: one check for each type, which returns what to give instead of a value."""

import functools
import inspect
import json
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from aws_cdk import Resource, Token
from constructs import Construct, IConstruct

__all__ = ["Check", "check_of", "shown"]

Check = Callable[[Any], str | None]
"""Returns what to give instead of a value, None for one that fits."""

_MAY_BE_EMPTY = {
    *("description", "comment", "separator", "where", "prefix", "after"),
    # A sender may sign without a prefix, or not at all.
    *("signature_prefix", "signature_header"),
}
"""Texts that say something when they are empty."""


def shown(value: Any) -> str:
    """Write a value in a message: a resource by its path, a token as one, at most a line."""
    if isinstance(value, Construct):
        owned = not isinstance(value, Resource) or Resource.is_owned_resource(value)
        return f"{value.node.path or 'the app'} ({type(value).__name__ if owned else 'imported'})"
    text = "<token>" if isinstance(value, str) and "${Token[" in value else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - a line


def check_of(hint: Any, name: str) -> Check:
    """Return the check of a type."""
    origin = get_origin(hint)
    if hint in {Any, object} or isinstance(hint, TypeVar):
        return lambda _value: None
    if origin in {Union, types.UnionType}:
        return _one_of([check_of(one, name) for one in get_args(hint)])
    if origin is Literal:
        return _literal(get_args(hint))
    if origin is not None:
        return _generic(hint, origin, name)
    if hint is None or hint is type(None):
        return lambda value: None if value is None else "Leave it out"
    return _plain(hint, name)


def _plain(hint: Any, name: str) -> Check:
    if hint is str:
        return functools.partial(_text, may_be_empty=name in _MAY_BE_EMPTY)
    simple = {bool: _truth, int: _whole_number, float: _number}.get(hint)
    if simple is not None:
        return simple
    if getattr(hint, "_is_protocol", False):
        return _interface(hint)
    if not isinstance(hint, type):
        return lambda _value: None
    if issubclass(hint, Enum):
        example = f"{hint.__name__}.{next(iter(hint)).name}"
        return lambda value: None if isinstance(value, hint) else f"Give a {hint.__name__}, such as {example}"
    fix = f"Give a {_name(hint)}{' that this app defines' if issubclass(hint, Resource) else ''}"
    return lambda value: None if isinstance(value, hint) else fix


def _one_of(checks: Sequence[Check]) -> Check:
    def check(value: Any) -> str | None:
        fixes = [one(value) for one in checks]
        if None in fixes:
            return None
        return ", or ".join(dict.fromkeys(fix for fix in fixes if fix and fix != "Leave it out"))

    return check


def _literal(values: tuple[Any, ...]) -> Check:
    fix = f"Use one of {', '.join(json.dumps(value) for value in values)}"
    return lambda value: None if value in values and type(value) in map(type, values) else fix


def _generic(hint: Any, origin: Any, name: str) -> Check:
    arguments = get_args(hint)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return functools.partial(_mapping, keys=check_of(arguments[0], name), values=check_of(arguments[1], name))
    if origin is Callable or not isinstance(origin, type):
        return lambda value: None if callable(value) else "Give a function"
    if issubclass(origin, typing.Iterable):
        inner = check_of(arguments[0], name) if arguments else lambda _value: None
        return functools.partial(_listed, inner=inner, origin=origin)
    return lambda value: None if isinstance(value, origin) else f"Give a {_name(origin)}"


def _mapping(value: Any, *, keys: Check, values: Check) -> str | None:
    if not isinstance(value, Mapping):
        return 'Give a mapping, such as {"name": …}'
    fixes = (f"For {shown(key)}: {fix}" for key, item in value.items() for fix in (keys(key), values(item)) if fix)
    return next(fixes, None)


def _listed(value: Any, *, inner: Check, origin: type) -> str | None:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, origin):
        return "Give a list" if isinstance(value, str) is False else f"Give a list: [{value!r}]"
    if not isinstance(value, Sequence):  # an iterator would be used up
        return None
    return next((f"For {shown(item)}: {fix}" for item in value if (fix := inner(item))), None)


def _text(value: Any, *, may_be_empty: bool) -> str | None:
    if not isinstance(value, str):
        return "Give a text"
    return None if value.strip() or may_be_empty else "Give a text that is not empty"


def _truth(value: Any) -> str | None:
    return None if isinstance(value, bool) else "Give True or False"


def _whole_number(value: Any) -> str | None:
    # A token is a float that no calculation gives.
    if isinstance(value, bool) or (not isinstance(value, int) and not _is_token(value)):
        return "Give a whole number"
    return None


def _number(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "Give a number"
    # What is no count is compared and calculated with here.
    return "Tokens cannot be checked here: give the number itself" if _is_token(value) else None


def _is_token(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value) and bool(Token.is_unresolved(value))


def _interface(hint: Any) -> Check:
    members = [name for name in dir(hint) if not name.startswith("_")]
    # Methods where there are some: reading a property of a resource can be a question to Node, and have an effect.
    members = [name for name in members if inspect.isfunction(getattr(hint, name))] or members
    example = "Give a construct" if hint is IConstruct else f"Give a resource of the type {_name(hint)}"

    def check(value: Any) -> str | None:
        if isinstance(value, str | int | float | bytes | list | tuple | dict | None):
            return example
        # What a method of the CDK returns may be a stand-in, whose class does not have them.
        return None if all(hasattr(type(value), name) or hasattr(value, name) for name in members) else example

    return check


def _name(hint: Any) -> str:
    module = str(getattr(hint, "__module__", ""))
    service = module.removeprefix("aws_cdk.").removeprefix("aws_") if module.startswith("aws_cdk.") else ""
    return f"{service}.{hint.__name__}" if service else str(hint.__name__)
