"""What the module `cache_aside` does, with a cache in this process; with Valkey: tests/behaviour/servers."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import valkey
from hypothesis import given
from hypothesis import strategies as st

from cache_aside import Cache, Entry, is_due, spread

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TIMES = st.floats(min_value=0, max_value=1e10)
CHANCES = st.floats(min_value=1e-6, max_value=1)


@given(VALUES, TIMES, TIMES)
def test_an_entry_is_read_as_it_was_written(value: Any, until: float, cost: float) -> None:
    assert Entry.read(Entry(value, until, cost).write()) == Entry(value, until, cost)


@given(st.text() | st.binary() | VALUES.map(str))
def test_what_somebody_else_wrote_is_nothing(text: str | bytes) -> None:
    found = Entry.read(text)
    assert found is None or isinstance(found, Entry)


@given(TIMES, st.floats(min_value=0, max_value=100), CHANCES)
def test_what_is_not_fresh_is_always_due(until: float, cost: float, chance: float) -> None:
    assert is_due(Entry("a", until, cost), until, chance)


@given(st.floats(min_value=0.001, max_value=10), CHANCES)
def test_a_load_is_early_by_few_times_its_cost(cost: float, chance: float) -> None:
    assert not is_due(Entry("a", 1000, cost), 1000 - cost * 14, chance)


@given(st.floats(min_value=0.1, max_value=1e6), st.floats(min_value=0, max_value=1))
def test_lifetimes_are_spread_over_a_tenth(lifetime: float, chance: float) -> None:
    assert lifetime * 0.9 <= spread(lifetime, chance) * (1 + 1e-9)
    assert spread(lifetime, chance) <= lifetime


class _Client:
    """The commands that the module uses, over a dictionary."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.away = False
        self.calls = 0
        self._lock = threading.Lock()

    def _ask(self) -> None:
        self.calls += 1
        if self.away:
            raise valkey.exceptions.ConnectionError("nobody answers")

    def get(self, name: str) -> str | None:
        self._ask()
        return self.values.get(name)

    def set(self, name: str, value: str, *, nx: bool, px: int) -> bool | None:
        self._ask()
        assert nx
        assert px > 0
        with self._lock:
            return None if name in self.values else not self.values.update({name: value})

    def eval(self, _script: str, _count: int, name: str, lock: str, token: str, value: str, _kept: str) -> int:
        self._ask()
        with self._lock:
            if self.values.get(lock) != token:
                return 0
            self.values[name] = value
            del self.values[lock]
            return 1

    def delete(self, *names: str) -> None:
        self._ask()
        for name in names:
            self.values.pop(name, None)

    def exists(self, name: str) -> int:
        self._ask()
        return int(name in self.values)


class World:
    """A cache, its clock, and a source that counts its loads."""

    def __init__(self) -> None:
        self.client, self.now, self.loads = _Client(), 1000.0, 0
        self.value: Any = "value"
        self.cache = self.another()

    def another(self) -> Cache:
        """The cache as another process has it."""
        return Cache(self.client, clock=lambda: self.now, chance=lambda: 0.0)  # type: ignore[arg-type]

    def load(self) -> Any:
        self.loads += 1
        if isinstance(self.value, Exception):
            raise self.value
        return self.value

    def get(self, **options: float) -> Any:
        return self.cache.get("a", self.load, **{"lifetime": 100, **options})


@pytest.fixture
def world() -> World:
    return World()


def test_a_value_is_loaded_once_while_it_is_fresh(world: World) -> None:
    assert [world.get() for _ in range(3)] == ["value"] * 3
    world.now += 101
    world.value = "newer"
    assert world.get() == "newer"
    assert world.loads == 2


def test_what_the_source_does_not_have_is_cached_for_a_shorter_time(world: World) -> None:
    world.value = None
    assert [world.get(), world.get()] == [None, None]
    assert world.loads == 1
    world.now += 11  # a tenth of the lifetime
    world.value = "there now"
    assert world.get() == "there now"


def test_forgotten_is_loaded_again(world: World) -> None:
    world.get()
    world.value = "changed"
    world.cache.forget("a")
    assert world.get() == "changed"


def test_a_value_that_was_forgotten_while_it_was_loaded_is_not_stored(world: World) -> None:
    def load() -> str:
        world.another().forget("a")  # somebody has written meanwhile
        return "older than the write"

    assert world.cache.get("a", load, lifetime=100) == "older than the write"
    assert world.get() == "value"
    assert world.loads == 1


def test_without_the_cache_the_source_answers_and_no_time_out_follows_another(world: World) -> None:
    world.client.away = True
    assert world.get() == "value"
    asked = world.client.calls
    assert [world.get() for _ in range(3)] == ["value"] * 3
    assert (world.client.calls, world.loads) == (asked, 4)
    world.client.away = False
    world.now += 6
    assert [world.get(), world.get()] == ["value"] * 2
    assert world.loads == 5


def test_an_older_value_is_answered_when_the_source_fails(world: World) -> None:
    world.get()
    world.now += 101
    world.value = ValueError("the source is away")
    assert world.get() == "value"
    world.cache.forget("a")
    with pytest.raises(ValueError, match="the source is away"):
        world.get()
    assert world.client.values == {}  # no lock is left


def test_an_older_value_is_answered_while_somebody_else_loads(world: World) -> None:
    world.get()
    world.now += 101
    world.client.values["a:lock"] = "of another process"
    assert world.get() == "value"
    assert world.loads == 1


def in_threads(count: int, call: Callable[[], Any]) -> list[Any]:
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(call())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    return found


def test_many_who_ask_at_once_cause_one_load(world: World) -> None:
    def slowly() -> str:
        time.sleep(0.1)
        return str(world.load())

    assert in_threads(20, lambda: world.cache.get("a", slowly, lifetime=100)) == ["value"] * 20
    assert world.loads == 1


def test_many_processes_that_ask_at_once_cause_one_load(world: World) -> None:
    def slowly() -> str:
        time.sleep(0.1)
        return str(world.load())

    assert in_threads(8, lambda: world.another().get("a", slowly, lifetime=100)) == ["value"] * 8
    assert world.loads == 1


def test_what_somebody_else_has_loaded_before_one_has_the_lock_is_not_loaded_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = world.client.set

    def late(name: str, value: str, **options: Any) -> bool | None:
        monkeypatch.setattr(world.client, "set", lock)
        assert world.another().get("a", world.load, lifetime=100) == "value"
        return lock(name, value, **options)

    monkeypatch.setattr(world.client, "set", late)
    assert world.get() == "value"
    assert world.loads == 1
    assert world.client.values.keys() == {"a"}  # no lock is left


def test_what_json_does_not_have_is_refused(world: World) -> None:
    with pytest.raises(TypeError):
        world.cache.get("a", object, lifetime=100)
