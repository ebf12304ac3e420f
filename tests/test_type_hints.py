"""``typing.get_type_hints`` works on everything public: what annotations name can be found at run time."""

import inspect
import typing
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import pytest

import cdp_constructs


def annotated(name: str) -> Iterator[Callable[..., Any]]:
    """Yield what a public name has annotations on: itself, and the public methods and properties of a class."""
    value = getattr(cdp_constructs, name)
    yield value
    if not inspect.isclass(value):
        return
    for base in value.__mro__:
        if not base.__module__.startswith("cdp_constructs"):
            continue
        yield base
        for attribute, member in vars(base).items():
            if attribute.startswith("_") and attribute != "__init__":
                continue
            if isinstance(member, property) and member.fget is not None:
                yield member.fget
            elif isinstance(member, cached_property):
                yield member.func
            elif isinstance(member, classmethod | staticmethod):
                yield member.__func__
            elif inspect.isfunction(member):
                yield member


PUBLIC = [name for name in cdp_constructs.__all__ if callable(getattr(cdp_constructs, name))]


@pytest.mark.parametrize("name", PUBLIC)
def test_type_hints_of_the_public_api_resolve(name: str) -> None:
    for item in annotated(name):
        typing.get_type_hints(item)
