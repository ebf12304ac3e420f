"""Presence of a room, put together from entries that lapse by themselves."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from stacks.chat.handlers.domain import presence
from stacks.chat.handlers.domain.presence import Present, RoomPresence


class State:
    """Stands for ``SharedState``: entries of one kind, and how often they were written."""

    def __init__(self, _table: object, *, group: str, kind: str, lifetime: int) -> None:
        self.name = (group, kind, lifetime)
        self.entries: set[str] = set()
        self.writes: list[str] = []
        self.lags = False

    def heartbeat(self, _room: str, user: str) -> None:
        self.writes.append(f"{user} is there")
        if not self.lags:
            self.entries.add(user)

    def leave(self, _room: str, user: str) -> None:
        self.writes.append(f"{user} left")
        self.entries.discard(user)

    def get(self, _room: str, user: str) -> object | None:
        return user if user in self.entries else None

    def members(self, _room: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(member=user) for user in sorted(self.entries)]


class Room:
    """A room's presence and the two kinds of entries behind it."""

    def __init__(self, *, typing_notices: bool = True) -> None:
        self.presence = RoomPresence(cast("Any", None), typing_notices=typing_notices)
        self.here = cast("State", self.presence._here)
        self.typing = cast("State", self.presence._typing)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setattr(presence, "SharedState", State)
    return Room()


def test_somebody_is_away_after_two_lost_heartbeats_and_stops_typing_after_seconds(room: Room) -> None:
    assert room.here.name == ("ROOM", "PRESENCE", presence.AWAY_SECONDS)
    assert room.typing.name == ("ROOM", "TYPING", presence.TYPING_SECONDS)
    assert presence.AWAY_SECONDS > 2 * presence.HEARTBEAT_SECONDS


def test_a_heartbeat_of_somebody_who_does_not_type_is_one_write(room: Room) -> None:
    for _ in range(2):
        assert room.presence.heartbeat("r", "anna", typing=False) == Present(frozenset({"anna"}))
    assert (room.here.writes, room.typing.writes) == (["anna is there"] * 2, [])


def test_who_stops_typing_says_so_once(room: Room) -> None:
    assert room.presence.heartbeat("r", "anna", typing=True).typing == {"anna"}
    for _ in range(2):
        assert room.presence.heartbeat("r", "anna", typing=False).typing == frozenset()
    assert room.typing.writes == ["anna is there", "anna left"]


def test_the_answer_knows_what_was_just_said_although_the_list_lags(room: Room) -> None:
    room.here.lags = room.typing.lags = True
    room.here.entries.add("ben")
    seen = room.presence.heartbeat("r", "anna", typing=True)
    assert seen.to_dict() == {"online": ["anna", "ben"], "typing": ["anna"]}


def test_who_is_there_can_be_asked_without_who_types(room: Room) -> None:
    room.presence.heartbeat("r", "anna", typing=True)
    room.typing.members = None  # type: ignore[method-assign, assignment]
    assert room.presence.online("r") == {"anna"}


def test_who_is_away_does_not_type(room: Room) -> None:
    room.typing.entries.add("ben")
    assert room.presence.look("r") == Present()


def test_who_was_not_there_leaves_without_a_trace(room: Room) -> None:
    room.presence.leave("r", "anna")
    assert room.here.writes == room.typing.writes == []
    room.presence.heartbeat("r", "anna", typing=True)
    room.presence.leave("r", "anna")
    assert (room.here.writes[-1], room.typing.writes[-1]) == ("anna left", "anna left")


def test_without_typing_notices_nobody_types_and_nothing_is_asked_about_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "SharedState", State)
    room = Room(typing_notices=False)
    room.typing.entries.add("ben")
    room.typing.get = room.typing.members = None  # type: ignore[method-assign, assignment]
    room.here.entries.add("ben")
    for typing in (True, False):
        seen = room.presence.heartbeat("r", "anna", typing=typing)
        assert seen.to_dict() == {"online": ["anna", "ben"], "typing": []}
    assert room.presence.look("r").to_dict() == {"online": ["anna", "ben"], "typing": []}
    room.presence.leave("r", "anna")
    assert (room.here.writes[-1], room.typing.writes) == ("anna left", [])
