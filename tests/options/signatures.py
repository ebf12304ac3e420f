"""What of the library has options, and what the tables of wrong values lack of them."""

import inspect
import typing
from collections.abc import Callable, Iterator
from typing import Any

from aws_cdk import Duration

import cdp_constructs
from tests.options.elsewhere import lacks_place
from tests.options.meanings import meaning_of

__all__ = [
    "functions_of_the_library",
    "members_of_the_library",
    "options_of_the_library",
    "options_without_meaning",
    "options_without_place",
]


def members_of_the_library() -> Iterator[tuple[type, str, Callable[..., Any]]]:
    """Yield the constructors, methods and class methods that check options, with their class and name."""
    for public in cdp_constructs.__all__:
        owner = getattr(cdp_constructs, public)
        for name, found in list(vars(owner).items()) if inspect.isclass(owner) else ():
            member = found.__func__ if isinstance(found, classmethod) else found
            # What `checks_options` wraps has the options of users.
            if inspect.isfunction(member) and hasattr(member, "__wrapped__"):
                yield owner, name, member


def functions_of_the_library() -> list[Callable[..., Any]]:
    """Return the public functions and static methods that check options."""
    values = [getattr(cdp_constructs, name) for name in cdp_constructs.__all__]
    owners = [owner for owner in values if inspect.isclass(owner)]
    members = [member for owner in owners for member in vars(owner).values()]
    methods = [member.__func__ for member in members if isinstance(member, staticmethod)]
    return [one for one in (*values, *methods) if inspect.isfunction(one) and hasattr(one, "__wrapped__")]


def options_of_the_library() -> set[str]:
    """Return the names of all of these that have options."""
    with_options = (
        member for _, _, member in members_of_the_library() if len(inspect.signature(member).parameters) > 1
    )
    return {function.__qualname__ for function in (*with_options, *functions_of_the_library())}


def options_without_meaning() -> set[str]:
    """Return the options whose values are texts, numbers or durations and that have no entry in the table."""
    return {
        f"{name}:{option}"
        for name, option, hint in _options()
        if meaning_of(name, option) is None and _has_values(hint)
    }


def options_without_place() -> set[str]:
    """Return the options that are resources of a Region and are not tried with one of another Region."""
    return {f"{name}:{option}" for name, option, hint in _options() if lacks_place(hint)}


def _options() -> Iterator[tuple[str, str, Any]]:
    members = [member for _, _, member in members_of_the_library()]
    for function in (*members, *functions_of_the_library()):
        for option, hint in typing.get_type_hints(function).items():
            if option != "return":
                yield function.__qualname__, option, hint


def _has_values(hint: Any) -> bool:
    if typing.get_origin(hint) is typing.Literal:
        return False
    return hint in {str, int, float, Duration} or any(_has_values(one) for one in typing.get_args(hint))
