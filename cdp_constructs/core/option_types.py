"""What fits an annotation: one check for each type, which returns what is wrong about a value, and the fix."""

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

Refusal = tuple[str, str]
"""What is wrong, with the value or the entry of a list or mapping; and the fix."""
Check = Callable[[Any], Refusal | None]
"""Returns what is wrong about a value, None for one that fits."""

_LEAVE_OUT = "Leave it out"

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
        return _fits(lambda value: value is None, _LEAVE_OUT)
    return _plain(hint, name)


def _fits(fits: Callable[[Any], bool], fix: str) -> Check:
    return lambda value: None if fits(value) else _refused(value, fix)


def _refused(value: Any, fix: str) -> Refusal:
    return f"is {shown(value)}", fix


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
        return _fits(lambda value: isinstance(value, hint), f"Give a {hint.__name__}, such as {example}")
    fix = f"Give a {_name(hint)}{' that this app defines' if issubclass(hint, Resource) else ''}"
    return _fits(lambda value: isinstance(value, hint), fix)


def _one_of(checks: Sequence[Check]) -> Check:
    def check(value: Any) -> Refusal | None:
        refusals: list[Refusal] = []
        for one in checks:
            # No further ones: what they would say of a resource is several questions to Node.
            if (refusal := one(value)) is None:
                return None
            refusals.append(refusal)
        # None is what the option is by default.
        found = [refusal for refusal in refusals if refusal[1] != _LEAVE_OUT]
        if len(found) == 1:
            return found[0]
        first, *others = dict.fromkeys(fix for _, fix in found)
        return _refused(value, ", or ".join([first, *(f"{fix[:1].lower()}{fix[1:]}" for fix in others)]))

    return check


def _literal(values: tuple[Any, ...]) -> Check:
    fix = f"Use one of {', '.join(json.dumps(value) for value in values)}"
    return _fits(lambda value: value in values and type(value) in map(type, values), fix)


def _generic(hint: Any, origin: Any, name: str) -> Check:
    arguments = get_args(hint)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return functools.partial(_mapping, keys=check_of(arguments[0], name), values=check_of(arguments[1], name))
    if origin is Callable or not isinstance(origin, type):
        return _fits(callable, "Give a function")
    if issubclass(origin, typing.Iterable):
        inner = check_of(arguments[0], name) if arguments else lambda _value: None
        return functools.partial(_listed, inner=inner, origin=origin)
    return _fits(lambda value: isinstance(value, origin), f"Give a {_name(origin)}")


def _mapping(value: Any, *, keys: Check, values: Check) -> Refusal | None:
    if not isinstance(value, Mapping):
        return _refused(value, 'Give a mapping, such as {"name": …}')
    for key, item in value.items():
        if refusal := keys(key):
            return _entry(refusal, "the key ")
        if refusal := values(item):
            problem, fix = _entry(refusal)
            return f"{problem} for {shown(key)}", fix
    return None


def _listed(value: Any, *, inner: Check, origin: type) -> Refusal | None:
    if isinstance(value, str):
        return _refused(value, f"Give a list: [{value!r}]")
    if isinstance(value, bytes | Mapping) or not isinstance(value, origin):
        return _refused(value, "Give a list")
    if not isinstance(value, Sequence):  # an iterator would be used up
        return None
    return next((_entry(refusal) for item in value if (refusal := inner(item))), None)


def _entry(refusal: Refusal, what: str = "") -> Refusal:
    """Return what is wrong about a list or a mapping, by what is wrong about an entry of it."""
    problem, fix = refusal
    return f"contains {what}{problem.removeprefix('is ').removeprefix('contains ')}", fix


def _text(value: Any, *, may_be_empty: bool) -> Refusal | None:
    if not isinstance(value, str):
        return _refused(value, "Give a text")
    return None if value.strip() or may_be_empty else _refused(value, "Give a text that is not empty")


def _truth(value: Any) -> Refusal | None:
    return None if isinstance(value, bool) else _refused(value, "Give True or False")


def _whole_number(value: Any) -> Refusal | None:
    # A token is a float that no calculation gives.
    if isinstance(value, bool) or (not isinstance(value, int) and not _is_token(value)):
        return _refused(value, "Give a whole number")
    return None


def _number(value: Any) -> Refusal | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return _refused(value, "Give a number")
    # What is no count is compared and calculated with here.
    return _refused(value, "Tokens cannot be checked here: give the number itself") if _is_token(value) else None


def _is_token(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value) and bool(Token.is_unresolved(value))


def _interface(hint: Any) -> Check:
    members = [name for name in dir(hint) if not name.startswith("_")]
    # Methods where there are some: reading a property of a resource can be a question to Node, and have an effect.
    members = [name for name in members if inspect.isfunction(getattr(hint, name))] or members
    example = "Give a construct" if hint is IConstruct else f"Give a resource of the type {_name(hint)}"

    def check(value: Any) -> Refusal | None:
        if isinstance(value, str | int | float | bytes | list | tuple | dict | None):
            return _refused(value, example)
        # What a method of the CDK returns may be a stand-in, whose class does not have them.
        fits = all(hasattr(type(value), name) or hasattr(value, name) for name in members)
        return None if fits else _refused(value, example)

    return check


def _name(hint: Any) -> str:
    module = str(getattr(hint, "__module__", ""))
    service = module.removeprefix("aws_cdk.").removeprefix("aws_") if module.startswith("aws_cdk.") else ""
    return f"{service}.{hint.__name__}" if service else str(hint.__name__)
