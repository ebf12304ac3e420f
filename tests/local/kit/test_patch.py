"""Patches: what they replace, what they call, and that all is as before when they are undone."""

import asyncio
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from cdp_constructs.local.kit.patch import Group, Patch, patch, patch_each, replace


class Greeter:
    name = "greeter"

    def greet(self, whom: str) -> str:
        return f"{self.name}: hello {whom}"


async def fetch(url: str) -> str:
    return f"content of {url}"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module that stands for one of MiniStack's."""
    module: Any = ModuleType("patched_service")
    module.double = lambda number: 2 * number
    module.fetch = fetch
    module.Greeter = type("Greeter", (Greeter,), {"greet": Greeter.greet})
    module.HANDLERS = {"Send": {"create": lambda name: name}}
    module.LIMIT = 10
    monkeypatch.setitem(sys.modules, "patched_service", module)
    return module


def test_a_patch_is_called_with_the_original_until_it_is_undone(service: Any) -> None:
    @patch("patched_service:double")
    def triple(original: Callable[[int], int], number: int) -> int:
        return original(number) + number

    assert service.double(2) == 4
    triple.apply()
    assert service.double(2) == 6
    assert triple.original(2) == 4
    triple.undo()
    assert service.double(2) == 4


def test_one_function_patches_several_targets(service: Any) -> None:
    service.twice = service.double

    @patch_each("patched_service:double", "patched_service:twice")
    def plus_one(original: Callable[[int], int], number: int) -> int:
        return original(number) + 1

    plus_one.apply()
    assert (service.double(2), service.twice(2)) == (5, 5)
    plus_one.undo()
    assert (service.double(2), service.twice(2)) == (4, 4)


def test_coroutines_and_methods_are_patched_alike(service: Any) -> None:
    @patch("patched_service:fetch")
    async def shout(original: Callable[..., Any], url: str) -> str:
        return str(await original(url)).upper()

    @patch("patched_service:Greeter.greet")
    def politely(original: Callable[..., str], greeter: Greeter, whom: str) -> str:
        return f"{original(greeter, whom)}, please"

    shout.apply()
    politely.apply()
    assert asyncio.run(service.fetch("/a")) == "CONTENT OF /A"
    assert service.Greeter().greet("you") == "greeter: hello you, please"
    politely.undo()
    assert service.Greeter().greet("you") == "greeter: hello you"


def test_values_and_items_of_mappings_are_replaced(service: Any) -> None:
    @replace("patched_service:LIMIT")
    def hundred(original: int) -> int:
        return original * 10

    twice = Patch("patched_service:HANDLERS[Send][create]", lambda original: lambda name: original(name) * 2)
    both = Group([hundred, twice])
    assert set(both.needs) == {"patched_service:LIMIT", "patched_service:HANDLERS[Send][create]"}
    both.apply()
    assert (service.LIMIT, service.HANDLERS["Send"]["create"]("a")) == (100, "aa")
    both.undo()
    assert (service.LIMIT, service.HANDLERS["Send"]["create"]("a")) == (10, "a")


def test_patches_of_one_name_are_undone_in_reverse(service: Any) -> None:
    add_one = Patch("patched_service:double", lambda original: lambda number: original(number) + 1)
    negate = Patch("patched_service:double", lambda original: lambda number: -original(number))
    add_one.apply()
    negate.apply()
    assert service.double(2) == -5
    negate.undo()
    add_one.undo()
    assert service.double(2) == 4


def test_an_optional_target_may_be_missing(service: Any) -> None:
    update = Patch("patched_service:HANDLERS[Send][update]", lambda original: original, optional=True)
    update.apply()
    update.undo()
    assert (update.needs, set(service.HANDLERS["Send"])) == ((), {"create"})


def test_mistakes_are_named(service: Any) -> None:
    once = Patch("patched_service:double", lambda original: original)
    with pytest.raises(RuntimeError, match="patched_service:double is not replaced"):
        _ = once.original
    once.apply()
    with pytest.raises(RuntimeError, match="patched_service:double is replaced already"):
        once.apply()
    once.undo()
    assert service.double(2) == 4
    with pytest.raises(AttributeError):
        Patch("patched_service:half", lambda original: original).apply()
    with pytest.raises(ValueError, match="add a colon"):
        Patch("patched_service", lambda original: original).apply()
