"""Gives each option of the public constructs wrong values, wherever an example uses a construct."""

import functools
import inspect
import itertools
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jsii
from aws_cdk import Duration, IStableStringProducer, Lazy, Stack, Token
from constructs import Construct

from cdp_constructs import InvalidOptionError
from tests.options.elsewhere import elsewhere
from tests.options.form import MESSAGE
from tests.options.meanings import meaning_of
from tests.options.signatures import members_of_the_library
from tests.options.values import MAY_BE_EMPTY, wrong_values

__all__ = ["REFUSED", "Probe", "probing"]

REFUSED = "WithAWrongOption"
"""In the ids of constructs that were tried to be made."""


_MESSAGE = re.compile(MESSAGE)
# A site has one copy, and a number one group, whatever the ids of the constructs.
_ONCE = {"SelfHealingSite.__init__", "UserIdentityPool.add_group"}


@dataclass
class Probe:
    """What came of wrong values."""

    seen: set[str]
    """The constructors and methods that were tried."""
    every: int = 1
    """Which of the values are tried: all, or every second, third…"""
    tried: int = 0
    faults: list[str] = field(default_factory=list)
    """Errors that are not the library's, or name another option, and what was accepted."""
    made: list[Any] = field(default_factory=list)
    """The objects of the library that the example made or used."""
    trying: bool = False
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _values: Iterator[int] = field(default_factory=itertools.count)

    def try_all(self, function: Callable[..., Any], instance: Any, given: dict[str, Any]) -> None:
        """Call a constructor or a method with each of its options wrong in turn."""
        hints = typing.get_type_hints(function)
        for name, parameter in list(inspect.signature(function).parameters.items())[instance is not None :]:
            if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
                continue
            values = wrong_values(hints.get(name, Any), name)
            if str in _alternatives(hints.get(name)) and name not in MAY_BE_EMPTY:
                values += ["", " "]
            if name == "construct_id":
                values += _taken_ids(instance, given)
            values += elsewhere(function, name, hints.get(name), _stack_of(instance, given))
            meaning = meaning_of(function.__qualname__, name)
            values += [value() if callable(value) else value for value in (meaning.wrong if meaning else ())]
            for value in values:
                self._try(function, instance, given, name, value)
            # What a method accepts would be there already when the example calls it.
            repeats = (
                function.__name__ != "__init__" and "construct_id" not in given
            ) or function.__qualname__ in _ONCE
            if meaning is not None and not (meaning.tokens and repeats):
                for value in tokens_of(hints.get(name)):
                    self._try(function, instance, given, name, value, may_be_accepted=meaning.tokens)

    def _is_chosen(self) -> bool:
        """Whether the next value is one of the sample, which goes on from option to option."""
        return next(self._values) % self.every == 0

    def _try(
        self,
        function: Callable[..., Any],
        instance: Any,
        given: dict[str, Any],
        name: str,
        value: Any,
        *,
        may_be_accepted: bool | None = None,
    ) -> None:
        if not self._is_chosen():
            return
        options = {**given, name: value}
        if "construct_id" in given and name != "construct_id":
            options["construct_id"] = f"{given['construct_id']}{REFUSED}{next(self._numbers)}"
        target = object.__new__(type(instance)) if function.__name__ == "__init__" else instance
        bound = [] if target is None else [target]
        self.tried += 1
        place = f"{function.__qualname__}({name}={str(value)[:60]!r})"
        try:
            function(*bound, **options)
        except InvalidOptionError as error:
            if fault := _fault(error, name, may_be_accepted=may_be_accepted):
                self.faults.append(f"{place}: {fault}: {error}")
        except Exception as error:  # noqa: BLE001 - any other error is what is looked for
            self.faults.append(f"{place}: {type(error).__name__}: {str(error)[:200]}")
        else:
            if not may_be_accepted:
                self.faults.append(f"{place}: accepted")


def _stack_of(instance: Any, given: Mapping[str, Any]) -> Stack | None:
    """Return the stack in which options are used; the scope of a new construct, or that of the instance."""
    scope = given.get("scope") if isinstance(given.get("scope"), Construct) else instance
    return Stack.of(scope) if isinstance(scope, Construct) else None


def _taken_ids(instance: Any, given: Mapping[str, Any]) -> list[str]:
    """Return ids of constructs that are in the scope already."""
    scope = given.get("scope") if isinstance(given.get("scope"), Construct) else instance
    return [child.node.id for child in scope.node.children[:2]] if isinstance(scope, Construct) else []


def _fault(error: InvalidOptionError, name: str, *, may_be_accepted: bool | None) -> str | None:
    """Return what is wrong about a refusal."""
    message = str(error)
    if may_be_accepted and "token" not in message.lower():
        return None  # it cannot stand beside another option of the example
    if error.option.partition(".")[0] != name:
        return f"names {error.option}"
    if not _MESSAGE.fullmatch(message):
        return "has not the form of tests/options/form.py"
    if may_be_accepted:
        return "refuses a token"
    if may_be_accepted is False and "Tokens cannot be checked" not in message:
        return "does not say that tokens cannot be checked"
    return None


def tokens_of(hint: Any) -> list[Any]:
    """Return tokens of the kinds that an annotation allows."""
    kinds = typing.get_args(hint) if typing.get_origin(hint) in {typing.Union, types.UnionType} else (hint,)
    text = Lazy.string(_Later())
    found: list[Any] = []
    if str in kinds:
        found.append(text)
    if int in kinds or float in kinds:
        found.append(Token.as_number({"Ref": "Number"}))
    if Duration in kinds:
        found.append(Duration.seconds(Token.as_number({"Ref": "Number"})))
    if any(getattr(kind, "__origin__", None) is Sequence and typing.get_args(kind) == (str,) for kind in kinds):
        found.append([text])
    return found


@jsii.implements(IStableStringProducer)
class _Later:
    def produce(self) -> str:
        return "later"


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) or (hint,)


@contextmanager
def probing(seen: set[str], *, every: int = 1) -> Iterator[Probe]:
    """Try every constructor and public method of the library when it is first called, and remember which."""
    probe = Probe(seen=seen, every=every)
    originals = list(members_of_the_library())
    members = {(owner, name): vars(owner)[name] for owner, name, _ in originals}
    for owner, name, member in originals:
        probed = _probed(probe, member)
        setattr(owner, name, classmethod(probed) if isinstance(members[owner, name], classmethod) else probed)
    try:
        yield probe
    finally:
        for (owner, name), member in members.items():
            setattr(owner, name, member)


def _probed(probe: Probe, function: Callable[..., Any]) -> Callable[..., Any]:
    names = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        # A call inside a call that is tried has its wrong value.
        if function.__qualname__ not in probe.seen and not probe.trying:
            probe.seen.add(function.__qualname__)
            instance, given = arguments[0], {**dict(zip(names[1:], arguments[1:], strict=False)), **options}
            probe.trying = True
            probe.try_all(function, instance, given)
            probe.trying = False
        of_class = inspect.isclass(arguments[0])
        if not probe.trying and not of_class and all(one is not arguments[0] for one in probe.made):
            probe.made.append(arguments[0])
        return function(*arguments, **options)

    return call
