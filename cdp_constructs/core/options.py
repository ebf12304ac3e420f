"""Checks the types of options where they are given, so that a wrong one ends in one clear error.

The CDK would report it by a message about its own internals, or not at all. ``@checks_options`` on a class checks its
constructor and its public methods by their annotations, on a function that function; what an option of one name means
everywhere and where a resource is are checked too, and what only one pattern knows by the pattern itself.
"""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from aws_cdk import Token
from constructs import Construct

from cdp_constructs.core.meanings import MEANINGS, Problem
from cdp_constructs.core.option_types import Check, check_of
from cdp_constructs.core.paths import node_of
from cdp_constructs.core.places import Allowed, Kind, kind_of, place_problem, rule_of
from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["checks_options"]

_Checked = TypeVar("_Checked", bound=Callable[..., Any])


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


@dataclass(frozen=True)
class _Option:
    """What one option is checked by."""

    check: Check
    meaning: Callable[[Any], Problem | None] | None
    kind: Kind | None
    rule: Allowed | str | None


def _checked(function: Callable[..., Any], *, of_instance: bool = True) -> Callable[..., Any]:
    parameters = dict(list(inspect.signature(function).parameters.items())[of_instance:])
    if not parameters:
        return function
    names = [name for name, one in parameters.items() if one.kind is one.POSITIONAL_OR_KEYWORD]
    known: dict[str, _Option] = {}

    @functools.wraps(function)
    def checked(*arguments: Any, **options: Any) -> Any:
        instance = arguments[0] if of_instance else None
        given = {**dict(zip(names, arguments[of_instance:], strict=False)), **options}
        for name, value in given.items():
            parameter = parameters.get(name)
            # Unknown options and missing ones are Python's to report.
            if parameter is None or value is parameter.default:
                continue
            if name not in known:
                hint = _hint(function, name)
                known[name] = _Option(check_of(hint, name), MEANINGS.get(name), kind_of(hint), rule_of(function, name))
            if problem := _problem(known[name], value, _scope(function, instance, given)):
                raise InvalidOptionError(_path(function, instance, given), name, *problem)
        if "construct_id" in given:
            _check_id(function, instance, given)
        return function(*arguments, **options)

    return checked


def _problem(option: _Option, value: Any, scope: Construct | None) -> Problem | None:
    """Return what is wrong about a value, and the fix; None when nothing is that all patterns know."""
    if problem := option.check(value):
        return problem
    if value is None:
        return None
    if option.meaning is not None and (problem := option.meaning(value)):
        return problem
    if option.kind is None or scope is None:
        return None
    resources = value if isinstance(value, list | tuple) else (value,)
    problems = (place_problem(scope, resource, option.kind, option.rule) for resource in resources)
    return next((problem for problem in problems if problem), None)


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
    construct_id = given.get("construct_id")
    parts += [construct_id] if isinstance(construct_id, str) and "/" not in construct_id else []
    return "/".join(str(part) for part in parts if part) or _owner(function, instance)


def _scope(function: Callable[..., Any], instance: Any, given: Mapping[str, Any]) -> Construct | None:
    """Return the construct in whose stack the options are used: a new pattern's scope, or the pattern."""
    scope = given.get("scope")
    if isinstance(scope, Construct):
        return scope
    return instance if isinstance(instance, Construct) and function.__name__ != "__init__" else None


def _owner(function: Callable[..., Any], instance: Any) -> str:
    if instance is None:
        return function.__qualname__
    return instance.__name__ if isinstance(instance, type) else type(instance).__name__


def _check_id(function: Callable[..., Any], instance: Any, given: Mapping[str, Any]) -> None:
    construct_id, scope = given["construct_id"], given.get("scope") or instance
    if not isinstance(scope, Construct):
        return
    fix = None
    if "/" in construct_id:
        fix = "Use a hyphen: ids of constructs have no slash, which separates them in paths"
    # A question to Node only for what looks like one.
    elif "${" in construct_id and Token.is_unresolved(construct_id):
        fix = "Give a text"
    if fix is not None:
        path = _path(function, instance, {**given, "construct_id": None})
        raise InvalidOptionError(path, "construct_id", f"is {construct_id!r}", fix)
    if node_of(scope).try_find_child(construct_id) is not None:
        fix = "Use another id: it is taken by a construct of the same scope, or by a part of it"
        raise InvalidOptionError(scope, "construct_id", f"is {construct_id!r}", fix)
