"""Checks the types of options where they are given, so that a wrong one ends in one clear error.

The CDK would report it by a message about its own internals, or not at all. ``@checks_options`` on a class checks its
constructor and its public methods by their annotations, on a function that function; what an option of one name means
everywhere is checked too, and what only one pattern knows by the pattern itself.
"""

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

from cdp_constructs.core.meanings import MEANINGS
from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["checks_options"]

_Checked = TypeVar("_Checked", bound=Callable[..., Any])
_Check = Callable[[Any], str | None]
"""Returns what to give instead of a value, None for one that fits."""

_MAY_BE_EMPTY = {
    *("description", "comment", "separator", "where", "prefix", "after"),
    # A sender may sign without a prefix, or not at all.
    *("signature_prefix", "signature_header"),
}
"""Texts that say something when they are empty."""


def checks_options(patterned: _Checked) -> _Checked:
    """Check the options of a class's constructor and public methods, or of a function, whenever they are called."""
    if not isinstance(patterned, type):
        return typing.cast("_Checked", _checked(patterned, of_instance=False))
    for name, member in list(vars(patterned).items()):
        if name != "__init__" and name.startswith("_"):
            continue
        if inspect.isfunction(member):
            setattr(patterned, name, _checked(member))
        elif isinstance(member, classmethod):
            setattr(patterned, name, classmethod(_checked(member.__func__)))
        elif isinstance(member, staticmethod):
            setattr(patterned, name, staticmethod(_checked(member.__func__, of_instance=False)))
    return patterned


def _checked(function: Callable[..., Any], *, of_instance: bool = True) -> Callable[..., Any]:
    parameters = dict(list(inspect.signature(function).parameters.items())[of_instance:])
    if not parameters:
        return function
    names = [name for name, one in parameters.items() if one.kind is one.POSITIONAL_OR_KEYWORD]
    checks: dict[str, _Check] = {}

    @functools.wraps(function)
    def checked(*arguments: Any, **options: Any) -> Any:
        instance = arguments[0] if of_instance else None
        given = {**dict(zip(names, arguments[of_instance:], strict=False)), **options}
        for name, value in given.items():
            parameter = parameters.get(name)
            # Unknown options and missing ones are Python's to report.
            if parameter is None or value is parameter.default:
                continue
            if name not in checks:
                checks[name] = _check_of(_hint(function, name), name)
            if fix := checks[name](value):
                raise InvalidOptionError(_path(function, instance, given), name, f"is {_shown(value)}", fix)
            if value is not None and name in MEANINGS and (problem := MEANINGS[name](value)):
                raise InvalidOptionError(_path(function, instance, given), name, *problem)
        if "construct_id" in given:
            _check_id(function, instance, given)
        return function(*arguments, **options)

    return checked


def _hint(function: Callable[..., Any], name: str) -> Any:
    """Resolve the annotation of one parameter: those of others would import the services that they name."""

    def alone() -> None: ...

    alone.__annotations__ = {name: function.__annotations__.get(name, Any)}
    return typing.get_type_hints(alone, globalns=getattr(function, "__globals__", {}))[name]


def _path(function: Callable[..., Any], instance: Any, given: Mapping[str, Any]) -> str:
    """Return the path of the construct that was given the option; a new one has none yet."""
    if function.__name__ != "__init__" and isinstance(instance, Construct):
        return str(instance.node.path)
    scope = given.get("scope")
    parts = [scope.node.path] if isinstance(scope, Construct) else []
    return "/".join(str(part) for part in (*parts, given.get("construct_id")) if part) or _owner(function, instance)


def _owner(function: Callable[..., Any], instance: Any) -> str:
    if instance is None:
        return function.__qualname__
    return instance.__name__ if isinstance(instance, type) else type(instance).__name__


def _check_id(function: Callable[..., Any], instance: Any, given: Mapping[str, Any]) -> None:
    construct_id, scope = given["construct_id"], given.get("scope") or instance
    if not isinstance(scope, Construct):
        return
    path = _path(function, instance, {**given, "construct_id": None})
    if "/" in construct_id:
        fix = "Ids of constructs have no slash, which separates them in paths; use a hyphen"
        raise InvalidOptionError(path, "construct_id", f"is {construct_id!r}", fix)
    # A question to Node only for what looks like one.
    if "${" in construct_id and Token.is_unresolved(construct_id):
        raise InvalidOptionError(path, "construct_id", f"is {construct_id!r}", "Give a text")
    if scope.node.try_find_child(construct_id) is not None:
        fix = "Use another id: it is taken by a construct of the same scope, or by a part of it"
        raise InvalidOptionError(scope, "construct_id", f"is {construct_id!r}", fix)


def _shown(value: Any) -> str:
    if isinstance(value, Construct):
        owned = not isinstance(value, Resource) or Resource.is_owned_resource(value)
        return f"{value.node.path or 'the app'} ({type(value).__name__ if owned else 'imported'})"
    shown = "<token>" if isinstance(value, str) and "${Token[" in value else repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."  # noqa: PLR2004 - a line


def _check_of(hint: Any, name: str) -> _Check:
    """Return the check of a type."""
    origin = get_origin(hint)
    if hint in {Any, object} or isinstance(hint, TypeVar):
        return lambda _value: None
    if origin in {Union, types.UnionType}:
        return _one_of([_check_of(one, name) for one in get_args(hint)])
    if origin is Literal:
        return _literal(get_args(hint))
    if origin is not None:
        return _generic(hint, origin, name)
    if hint is None or hint is type(None):
        return lambda value: None if value is None else "Leave it out"
    return _plain(hint, name)


def _plain(hint: Any, name: str) -> _Check:
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


def _one_of(checks: Sequence[_Check]) -> _Check:
    def check(value: Any) -> str | None:
        fixes = [one(value) for one in checks]
        if None in fixes:
            return None
        return ", or ".join(dict.fromkeys(fix for fix in fixes if fix and fix != "Leave it out"))

    return check


def _literal(values: tuple[Any, ...]) -> _Check:
    fix = f"Use one of {', '.join(json.dumps(value) for value in values)}"
    return lambda value: None if value in values and type(value) in map(type, values) else fix


def _generic(hint: Any, origin: Any, name: str) -> _Check:
    arguments = get_args(hint)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return functools.partial(_mapping, keys=_check_of(arguments[0], name), values=_check_of(arguments[1], name))
    if origin is Callable or not isinstance(origin, type):
        return lambda value: None if callable(value) else "Give a function"
    if issubclass(origin, typing.Iterable):
        inner = _check_of(arguments[0], name) if arguments else lambda _value: None
        return functools.partial(_listed, inner=inner, origin=origin)
    return lambda value: None if isinstance(value, origin) else f"Give a {_name(origin)}"


def _mapping(value: Any, *, keys: _Check, values: _Check) -> str | None:
    if not isinstance(value, Mapping):
        return 'Give a mapping, such as {"name": …}'
    fixes = (f"For {_shown(key)}: {fix}" for key, item in value.items() for fix in (keys(key), values(item)) if fix)
    return next(fixes, None)


def _listed(value: Any, *, inner: _Check, origin: type) -> str | None:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, origin):
        return "Give a list" if isinstance(value, str) is False else f"Give a list: [{value!r}]"
    if not isinstance(value, Sequence):  # an iterator would be used up
        return None
    return next((f"For {_shown(item)}: {fix}" for item in value if (fix := inner(item))), None)


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


def _interface(hint: Any) -> _Check:
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
