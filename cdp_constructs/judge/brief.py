"""What somebody wants of a system: how many people, where they are, what they do, and what must not happen."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from cdp_constructs.judge.places import CITIES

__all__ = ["Brief", "BriefError", "Wish", "read_brief"]

LOSSES = ("instance", "zone", "Region")
"""What can be lost, from small to large."""


class BriefError(ValueError):
    """A brief that cannot be read, with the way out."""


@dataclass(frozen=True)
class Wish:
    """Something that people want to do.

    Attributes:
        name: Such as ``send a message``.
        entries: Paths of constructs, or names in DNS, where it begins; one of them is enough.
        stores: Paths of constructs where it ends; one of them is enough.
        measured: Seconds until it worked again, by what was lost, where somebody measured it; infinite when somebody
            had to do something.
    """

    name: str
    entries: Sequence[str]
    stores: Sequence[str]
    measured: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Brief:
    """What a system is for. Every assumption is a field; the defaults are those of a lively chat."""

    name: str = "brief"
    people: float = 1_000_000
    messages_a_day: float = 10
    """Of each."""
    requests_a_message: float = 3
    """A message itself, and what asks for it."""
    receivers: float = 10
    """People who get a message at once."""
    attachments_a_day: float = 0.2
    """Of each."""
    attachment_bytes: float = 1_000_000
    peak: float = 3
    """The busiest hour against the mean of the day."""
    requests_a_second_a_task: float = 100
    """What a task of a container service answers before it needs another one."""
    recovery_seconds: float = 3_600
    latency_ms: float = 300
    """From a city to the data and back."""
    dollars_a_month: float = 0
    """The budget; 0 is none."""
    cities: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(CITIES, 1.0))
    """How many of the people are where, in any unit."""
    wishes: Sequence[Wish] = ()

    @property
    def messages(self) -> float:
        """Messages a month of 30 days."""
        return self.people * self.messages_a_day * 30

    @property
    def requests_a_second(self) -> float:
        """Requests in a second of the busiest hour."""
        return self.people * self.messages_a_day * self.requests_a_message * self.peak / 86_400


_NUMBERS = {one.name for one in fields(Brief) if one.type is float}


def read_brief(file: Path) -> Brief:
    """Read a brief.

    Args:
        file: TOML, as ``docs/judge.md`` describes it.

    Raises:
        BriefError: naming the file, what is wrong, and the fix.
    """
    try:
        given = tomllib.loads(file.read_text())
    except OSError as error:
        raise BriefError(f"{file}: {error.strerror}. Name a file of TOML") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BriefError(f"{file} is no TOML: {error}") from None
    wishes = _table(file, given, "wishes")
    if cities := _cities(file, _table(file, given, "cities")):
        given["cities"] = cities
    known = {*_NUMBERS, "name"}
    if unknown := sorted(set(given) - known):
        raise BriefError(f"{file}: {unknown[0]!r} is not known. There are {', '.join(sorted(known))}, cities, wishes")
    for name, value in given.items():
        if name in _NUMBERS:
            _number(file, name, value)
    if not isinstance(given.get("name", ""), str):
        raise BriefError(f"{file}: name is {given['name']!r}. Give a text")
    return Brief(**given, wishes=[_wish(file, name, wish) for name, wish in wishes.items()])


def _cities(file: Path, cities: dict[str, Any]) -> dict[str, Any]:
    for city, part in cities.items():
        if city not in CITIES:
            raise BriefError(f"{file}: there is no city {city!r}. There are {', '.join(CITIES)}")
        _number(file, f"cities.{city}", part)
    if cities and not any(cities.values()):
        raise BriefError(f"{file}: nobody is in any of the cities. Give one of them a part that is not 0")
    return cities


def _table(file: Path, given: dict[str, Any], name: str) -> dict[str, Any]:
    table = given.pop(name, {})
    if not isinstance(table, dict):
        raise BriefError(f"{file}: {name} is {table!r}. Write a table: [{name}]")
    return table


def _number(file: Path, name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise BriefError(f"{file}: {name} is {value!r}. Give a number that is not negative")


def _wish(file: Path, name: str, wish: object) -> Wish:
    place = f"{file}: wishes.{name}"
    if not isinstance(wish, dict):
        raise BriefError(f"{place} is {wish!r}. Write a table with entry and store")
    if unknown := sorted(set(wish) - {"entry", "store", "measured"}):
        raise BriefError(f"{place}.{unknown[0]} is not known. There are entry, store and measured")
    measured = wish.get("measured", {})
    if not isinstance(measured, dict) or set(measured) - set(LOSSES):
        raise BriefError(f"{place}.measured is {measured!r}. Give seconds for {', '.join(LOSSES)}")
    for loss, seconds in measured.items():
        if seconds == float("inf"):
            continue
        _number(file, f"wishes.{name}.measured.{loss}", seconds)
    return Wish(name, _paths(place, "entry", wish), _paths(place, "store", wish), measured)


def _paths(place: str, end: str, wish: dict[str, Any]) -> list[str]:
    value = wish.get(end)
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(one, str) and one for one in texts):
        raise BriefError(f"{place}.{end} is {value!r}. Give the path of a construct, or a list of paths")
    return texts
