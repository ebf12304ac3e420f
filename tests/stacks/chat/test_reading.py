"""Read markers, and rooms that somebody leaves: what two Regions do at once must not undo what either did."""

from typing import Any, cast

import pytest

from stacks.chat.handlers.api.reading import MarkerBusyError, ReadMarkers
from stacks.chat.handlers.domain import channels, rooms
from stacks.chat.handlers.domain import table as keys
from tests.stacks.chat.memory import MemoryTable, cancelled

HERE, THERE = "ap-northeast-1", "us-west-2"
REGIONS = (HERE, THERE)


@pytest.fixture
def table() -> MemoryTable:
    table = MemoryTable()
    for region, last in ((HERE, 10), (THERE, 4)):
        table.put(keys.as_key(keys.head_key("room", region)) | {"sequence": last, "clock": 1})
    return table


def markers_in(region: str, table: MemoryTable) -> ReadMarkers:
    return ReadMarkers(cast("Any", table), region, REGIONS)


def unread(table: MemoryTable) -> int:
    markers = markers_in(HERE, table)
    return markers.unread("anna", markers.heads(["room"]))["room"]


def test_everything_waits_until_it_is_read(table: MemoryTable) -> None:
    assert unread(table) == 14
    assert markers_in(HERE, table).mark("anna", "room", {HERE: 7, THERE: 1}) == 6
    assert unread(table) == 6
    assert markers_in(HERE, table).mark("ben", "room", {}) == 14


def test_what_was_read_stays_read(table: MemoryTable) -> None:
    markers = markers_in(HERE, table)
    markers.mark("anna", "room", {HERE: 7})
    assert markers.mark("anna", "room", {HERE: 2, THERE: 1}) == 6


def test_two_regions_keep_a_marker_each_and_the_furthest_counts(table: MemoryTable) -> None:
    markers_in(HERE, table).mark("anna", "room", {HERE: 8, THERE: 1})
    before = dict(table.items)
    assert markers_in(THERE, table).mark("anna", "room", {HERE: 3, THERE: 4}) == 2
    assert {key: table.items[key] for key in before} == before, "one Region wrote over what the other keeps"


def test_a_cursor_of_things_to_come_hides_nothing(table: MemoryTable) -> None:
    assert markers_in(HERE, table).mark("anna", "room", {HERE: 10**9, THERE: 10**9}) == 0
    table.put(keys.as_key(keys.head_key("room", HERE)) | {"sequence": 12, "clock": 1})
    assert unread(table) == 2


def test_a_marker_that_did_not_grow_is_not_written(table: MemoryTable) -> None:
    markers_in(HERE, table).mark("anna", "room", {HERE: 8})
    table.before_put = lambda: pytest.fail("written again")
    assert markers_in(HERE, table).mark("anna", "room", {HERE: 8}) == 6


def test_who_was_overtaken_keeps_what_the_other_marked(table: MemoryTable) -> None:
    markers = markers_in(HERE, table)
    markers.mark("anna", "room", {HERE: 1})

    def overtake() -> None:
        table.before_put = lambda: None
        markers_in(HERE, table).mark("anna", "room", {HERE: 9})

    table.before_put = overtake
    assert markers.mark("anna", "room", {HERE: 5, THERE: 4}) == 1


def test_a_marker_that_others_keep_writing_is_given_up(table: MemoryTable) -> None:
    markers, count = markers_in(HERE, table), iter(range(1, 100))
    key = keys.read_key("anna", "room", HERE)
    table.before_put = lambda: table.put(keys.as_key(key) | {"cursor": f"{HERE}:{next(count)}"})
    with pytest.raises(MarkerBusyError):
        markers.mark("anna", "room", {HERE: 10})


def test_a_region_that_was_given_up_is_left_out_of_old_markers(table: MemoryTable) -> None:
    table.put(keys.as_key(keys.read_key("anna", "room", HERE)) | {"cursor": f"eu-west-1:7,{HERE}:10"})
    assert unread(table) == 4


class Room:
    """A room with Anna in it."""

    def __init__(self, table: MemoryTable) -> None:
        self.memory = table
        self.table: Any = table
        made = rooms.create(self.table, "anna", "Lobby")
        self.id, self.invite_code = made["room"], made["invite_code"]

    def channel(self, region: str = HERE) -> str:
        return channels.look_up(self.table, self.id, region)


@pytest.fixture
def room(table: MemoryTable) -> Room:
    return Room(table)


def test_who_leaves_leaves_the_channel_behind(room: Room) -> None:
    before = room.channel()
    rooms.leave(room.table, "anna", room.id, HERE)
    assert not rooms.is_member(room.table, "anna", room.id)
    assert room.channel() != before
    assert channels.room_of(room.channel()) == room.id
    item = room.memory.items[keys.channel_key(room.id, HERE)]
    assert channels.path(room.id, item["previous"]) == before
    # The other Region moves when it is replicated, and not before.
    assert room.channel(THERE) == before
    assert room.memory.items[keys.member_key(room.id, "anna")]["left_in"] == HERE


def test_leaving_a_room_that_one_is_not_in_moves_nobody(room: Room) -> None:
    before = room.channel()
    rooms.leave(room.table, "ben", room.id, HERE)
    assert room.channel() == before
    assert rooms.members_of(room.table, room.id) == ["anna"]


def test_two_who_leave_at_once_both_leave(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms.time, "sleep", lambda _: None)

    def conflict() -> None:
        room.memory.before_transaction = lambda: None
        raise cancelled([{"Code": "None"}, {"Code": "TransactionConflict"}])

    room.memory.before_transaction = conflict
    rooms.leave(room.table, "anna", room.id, HERE)
    assert rooms.members_of(room.table, room.id) == []


def test_leaving_that_never_succeeds_says_so(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms.time, "sleep", lambda _: None)

    def conflict() -> None:
        raise cancelled([{"Code": "TransactionConflict"}, {"Code": "None"}])

    room.memory.before_transaction = conflict
    with pytest.raises(rooms.RoomChangedError):
        rooms.leave(room.table, "anna", room.id, HERE)
    assert rooms.is_member(room.table, "anna", room.id)


def test_a_full_room_takes_nobody_but_who_is_in_it(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "LARGEST_ROOM", 2)
    assert rooms.join(room.table, "ben", room.id, room.invite_code)[1]
    with pytest.raises(rooms.RoomFullError):
        rooms.join(room.table, "cara", room.id, room.invite_code)
    assert not rooms.join(room.table, "ben", room.id, room.invite_code)[1]
    rooms.leave(room.table, "ben", room.id, HERE)
    assert rooms.join(room.table, "cara", room.id, room.invite_code)[1]


@pytest.mark.parametrize("name", ["/rooms/*", "/rooms/r/*", "/rooms/r", "/other/r/0", "/rooms/r/0/1", "rooms/r/0", ""])
def test_only_one_exact_channel_belongs_to_a_room(name: str) -> None:
    assert channels.room_of(name) is None
