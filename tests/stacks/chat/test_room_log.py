"""Appending to a log: what happens when somebody else was faster, or another Region has the message already."""

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from stacks.chat.handlers.api import log_writes
from stacks.chat.handlers.api.budgets import Budget, BudgetExceededError, Budgets
from stacks.chat.handlers.api.history import History, Page
from stacks.chat.handlers.api.log import RoomBusyError, RoomLog
from stacks.chat.handlers.api.ordering import message_id
from stacks.chat.handlers.domain import table as keys
from stacks.chat.handlers.domain.rooms import RoomNotFoundError
from tests.stacks.chat.memory import MemoryTable, cancelled

HERE, THERE = "ap-northeast-1", "us-west-2"
REGIONS = (HERE, THERE)
NO_CHANGES = {f"{region}.changes": 0 for region in REGIONS}


@pytest.fixture
def table() -> MemoryTable:
    """Rooms with Anna and Ben in them."""
    table = MemoryTable()
    for room in ("room", "one", "two"):
        table.put(*(keys.as_key(keys.member_key(room, user)) for user in ("anna", "ben")))
    return table


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def log(table: MemoryTable, pauses: list[float]) -> RoomLog:
    return RoomLog(cast("Any", table), HERE, REGIONS, budgets_of(table), pause=pauses.append)


@pytest.fixture
def history(log: RoomLog) -> History:
    return History(log.items, REGIONS)


def regions_of(page: Page) -> list[str]:
    return [message["region"] for message in page.messages]


def budgets_of(table: MemoryTable, messages: int = 1000) -> Budgets:
    return Budgets(cast("Any", table), HERE, {Budget.MESSAGES: messages}, clock=lambda: 1_800_000_030)


def from_there(table: MemoryTable, sequence: int, clock: int, client_message_id: str, **parts: bool) -> None:
    """Let a message of the other Region arrive, or only a part of what was written with it."""
    marker = keys.as_key(keys.note_key("room", THERE, message_id("room", "anna", client_message_id)))
    message = keys.as_key(keys.message_key("room", THERE, sequence)) | {
        "room": "room",
        "region": THERE,
        "sequence": sequence,
        "clock": clock,
        "id": message_id("room", "anna", client_message_id),
        "author": "anna",
        "client_message_id": client_message_id,
        "text": "from there",
        "attachments": [],
        "posted_at": "2026-01-01T00:00:00.000+00:00",
    }
    if parts.get("marker", True):
        table.put(marker | {"sequence": sequence, "clock": clock})
    if parts.get("message", True):
        table.put(message)


def test_messages_are_numbered_one_by_one(log: RoomLog) -> None:
    stored = [log.append("room", "anna", str(number), "hello") for number in range(3)]
    assert [(message.sequence, new) for message, new in stored] == [(1, True), (2, True), (3, True)]


def test_rooms_are_numbered_on_their_own(log: RoomLog) -> None:
    assert [log.append(room, "anna", "1", "hello")[0].sequence for room in ("one", "two")] == [1, 1]


@pytest.mark.parametrize(
    ("room", "author"), [("room", "mallory"), ("nowhere", "anna")], ids=["a stranger", "no such room"]
)
def test_who_is_not_in_a_room_stores_nothing(log: RoomLog, table: MemoryTable, room: str, author: str) -> None:
    before = dict(table.items)
    with pytest.raises(RoomNotFoundError):
        log.append(room, author, "1", "hello")
    assert table.items == before


def test_who_has_left_stores_nothing_and_learns_nothing(log: RoomLog, table: MemoryTable) -> None:
    log.append("room", "anna", "1", "hello")
    table.put(keys.as_key(keys.member_key("room", "anna")) | {"left_at": "now"})
    before = dict(table.items)
    for client_message_id in ("1", "2"):
        with pytest.raises(RoomNotFoundError):
            log.append("room", "anna", client_message_id, "hello")
    assert table.items == before


def test_everything_about_the_author_and_the_message_is_one_read(
    log: RoomLog, table: MemoryTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    for name in ("get_item", "batch_get_item", "query"):
        read = getattr(table, name)

        def counted(*arguments: Any, _name: str = name, _read: Any = read, **options: Any) -> Any:
            reads.append(_name)
            return _read(*arguments, **options)

        monkeypatch.setattr(table, name, counted)
    log.append("room", "anna", "1", "hello")
    # The query is for the clock of the other Region's log.
    assert reads == ["batch_get_item", "query"]


def test_the_first_acceptance_wins_whatever_is_sent_again(log: RoomLog) -> None:
    first, _ = log.append("room", "anna", "1", "hello")
    assert log.append("room", "anna", "1", "something else") == (first, False)


def test_an_answer_sorts_after_everything_that_had_arrived(log: RoomLog, table: MemoryTable) -> None:
    ahead = 10**15
    from_there(table, 1, ahead, "theirs")
    answer, _ = log.append("room", "ben", "1", "hello")
    assert answer.clock == ahead + 1


def test_who_was_overtaken_takes_the_next_number(log: RoomLog, table: MemoryTable, pauses: list[float]) -> None:
    other = RoomLog(cast("Any", table), HERE, REGIONS, budgets_of(table))

    def overtake() -> None:
        table.before_transaction = lambda: None
        other.append("room", "ben", "1", "faster")

    table.before_transaction = overtake
    message, _ = log.append("room", "anna", "1", "slower")
    assert message.sequence == 2
    assert len(pauses) == 1


def test_a_room_that_stays_busy_is_given_up_after_a_bounded_time(
    log: RoomLog, table: MemoryTable, pauses: list[float]
) -> None:
    def conflict() -> None:
        raise cancelled([{"Code": "TransactionConflict"}, {"Code": "None"}, {"Code": "None"}])

    table.before_transaction = conflict
    before = dict(table.items)
    with pytest.raises(RoomBusyError):
        log.append("room", "anna", "1", "hello")
    assert table.items == before
    assert 0 < len(pauses) < 20
    assert sum(pauses) < 5


@pytest.mark.parametrize("reasons", [[{"Code": "ValidationError"}, {"Code": "None"}], []])
def test_an_error_that_no_retry_mends_is_raised_at_once(
    log: RoomLog, table: MemoryTable, pauses: list[float], reasons: list[dict[str, str]]
) -> None:
    def fail() -> None:
        raise cancelled(reasons)

    table.before_transaction = fail
    with pytest.raises(ClientError):
        log.append("room", "anna", "1", "hello")
    assert pauses == []


def test_who_has_written_enough_in_this_minute_waits_for_the_next(table: MemoryTable, pauses: list[float]) -> None:
    log = RoomLog(cast("Any", table), HERE, REGIONS, budgets_of(table, 2), pause=pauses.append)
    # Of all rooms together, and each message once however often it is sent.
    stored = [log.append(room, "anna", "1", "hello")[0] for room in ("one", "two")]
    assert log.append("two", "anna", "1", "hello") == (stored[1], False)
    before = dict(table.items)
    with pytest.raises(BudgetExceededError, match="one user may have 2 messages in one minute") as raised:
        log.append("one", "anna", "2", "hello")
    assert (raised.value.retry_after, table.items, pauses) == (30, before, [])
    assert log.append("one", "ben", "1", "hello")[1]


def test_a_message_that_the_other_region_accepted_is_not_accepted_again(log: RoomLog, table: MemoryTable) -> None:
    from_there(table, 4, 5, "1")
    message, new = log.append("room", "anna", "1", "hello")
    assert (message.region, message.sequence, new) == (THERE, 4, False)


def test_while_only_the_marker_has_arrived_nothing_is_accepted(log: RoomLog, table: MemoryTable) -> None:
    from_there(table, 4, 5, "1", message=False)
    with pytest.raises(RoomBusyError):
        log.append("room", "anna", "1", "hello")
    assert not any(key[1].startswith("MESSAGE#") for key in table.items)


def test_accepted_twice_readers_see_the_one_that_sorts_first(
    log: RoomLog, history: History, table: MemoryTable
) -> None:
    mine, _ = log.append("room", "anna", "1", "hello")
    from_there(table, 1, mine.clock - 1, "1")
    page = history.read("room", {}, 10)
    assert regions_of(page) == [THERE]
    assert page.cursor == {HERE: 1, THERE: 1} | NO_CHANGES
    assert log.append("room", "anna", "1", "hello")[0].region == THERE


def test_the_earlier_place_counts_even_before_its_message_arrives(
    log: RoomLog, history: History, table: MemoryTable
) -> None:
    mine, _ = log.append("room", "anna", "1", "hello")
    from_there(table, 1, mine.clock - 1, "1", message=False)
    assert regions_of(history.read("room", {}, 10)) == []
    from_there(table, 1, mine.clock - 1, "1")
    assert regions_of(history.read("room", {}, 10)) == [THERE]


def test_reading_goes_on_where_it_ended(log: RoomLog, history: History) -> None:
    for number in range(250):
        log.append("room", "anna", str(number), str(number))
    page = history.read("room", {HERE: 100, THERE: 0}, 100)
    first, last = page.messages[0]["sequence"], page.messages[-1]["sequence"]
    assert ([first, last], page.cursor[HERE], page.more) == ([101, 200], 200, True)
    page = history.read("room", page.cursor, 100)
    assert (len(page.messages), page.cursor[HERE], page.more) == (50, 250, False)


def test_reading_back_starts_at_the_newest_and_ends_at_the_first(
    log: RoomLog, history: History, table: MemoryTable
) -> None:
    for number in range(5):
        log.append("room", "anna", str(number), str(number))
    from_there(table, 1, 5, "oldest")
    page = history.read_back("room", None, 4)
    assert ([message["text"] for message in page.messages], page.more) == (list("1234"), True)
    assert page.cursor == {HERE: 5, THERE: 1} | NO_CHANGES
    assert page.before == {HERE: 2, THERE: 2}
    page = history.read_back("room", page.before, 4)
    assert ([message["text"] for message in page.messages], page.more) == (["from there", "0"], False)
    assert page.cursor == {HERE: 1, THERE: 1}
    assert page.before is not None
    end = history.read_back("room", page.before, 4)
    assert end == Page(messages=[], cursor={HERE: 0, THERE: 0}, before=page.before, more=False)


def test_reading_back_in_an_empty_room_finds_the_beginning(history: History) -> None:
    empty = Page(messages=[], cursor={HERE: 0, THERE: 0} | NO_CHANGES, before={HERE: 1, THERE: 1}, more=False)
    assert history.read_back("room", None, 4) == empty


def test_reading_back_leaves_out_what_another_region_accepted_earlier(
    log: RoomLog, history: History, table: MemoryTable
) -> None:
    mine, _ = log.append("room", "anna", "1", "hello")
    from_there(table, 1, mine.clock - 1, "1")
    assert regions_of(history.read_back("room", None, 10)) == [THERE]


def test_keys_that_a_busy_table_left_out_are_asked_for_again(
    table: MemoryTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys.time, "sleep", lambda _: None)
    wanted = [keys.room_key(str(number)) for number in range(150)]
    table.put(*(keys.as_key(key) for key in wanted))
    answer = table.batch_get_item
    calls = 0

    def throttled(RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        nonlocal calls
        calls += 1
        asked = RequestItems[table.name]["Keys"]
        found = answer({table.name: {"Keys": asked[:40]}})
        return found | {"UnprocessedKeys": {table.name: {"Keys": asked[40:]}} if asked[40:] else {}}

    monkeypatch.setattr(table, "batch_get_item", throttled)
    assert set(keys.get_many(cast("Any", table), wanted)) == set(wanted)
    assert calls > 2


def test_pauses_grow_and_stay_bounded(monkeypatch: pytest.MonkeyPatch, log: RoomLog, table: MemoryTable) -> None:
    longest: list[float] = []
    monkeypatch.setattr(log_writes.random, "uniform", lambda _, high: longest.append(high) or 0)

    def conflict() -> None:
        raise cancelled([{"Code": "TransactionConflict"}])

    table.before_transaction = conflict
    with pytest.raises(RoomBusyError):
        log.append("room", "anna", "1", "hello")
    assert longest == sorted(longest)
    assert max(longest) <= 0.5
