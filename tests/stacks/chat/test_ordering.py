"""The rule that makes one conversation out of the logs of several Regions, judged over many random histories."""

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest

from stacks.chat.handlers.api.ordering import (
    Cursor,
    Message,
    Position,
    contiguous,
    format_cursor,
    furthest,
    message_id,
    next_clock,
    page_before,
    page_of,
    parse_cursor,
    unbroken,
    waiting,
    without_duplicates,
)

REGIONS = ("ap-northeast-1", "eu-west-1", "us-west-2")
SEEDS = range(50)


class World:
    """Replicas that know different parts of the same logs, as a global table without any order of replication."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a history, not a secret
        self.logs: dict[str, list[Message]] = {region: [] for region in REGIONS}
        self.arrived: dict[str, set[Position]] = {region: set() for region in REGIONS}
        self.seen_before: dict[str, list[Position]] = {}
        self.wall = {region: 1_000 + self.random.randint(-500, 500) for region in REGIONS}

    def known(self, reader: str) -> dict[str, list[Message]]:
        return {
            region: [item for item in log if region == reader or item.position in self.arrived[reader]]
            for region, log in self.logs.items()
        }

    def post(self, region: str, client_message_id: str) -> Message:
        self.wall[region] += self.random.randint(0, 30)
        known = self.known(region)
        newest = [log[-1].clock for log in known.values() if log]
        sequence = len(self.logs[region]) + 1
        message = Message(
            room="room",
            region=region,
            sequence=sequence,
            clock=next_clock(self.wall[region], newest),
            id=message_id("room", "author", client_message_id),
            author="author",
            client_message_id=client_message_id,
            text=client_message_id,
            posted_at="",
        )
        self.seen_before[f"{region}:{sequence}"] = [item.position for log in known.values() for item in log]
        self.logs[region].append(message)
        return message

    def replicate(self, share: float) -> None:
        for reader in REGIONS:
            for region, log in self.logs.items():
                if region != reader:
                    self.arrived[reader] |= {item.position for item in log if self.random.random() < share}

    def accepted(self, reader: str) -> dict[str, list[Position]]:
        places: dict[str, list[Position]] = {}
        for log in self.known(reader).values():
            for item in log:
                places.setdefault(item.id, []).append(item.position)
        return places

    def read(self, reader: str, after: Cursor, limit: int) -> tuple[list[Message], Cursor, bool]:
        tails = {
            region: [item for item in log if item.sequence > after.get(region, 0)][: limit + 1]
            for region, log in self.known(reader).items()
        }
        page, cursor, more = page_of(tails, after, limit)
        return without_duplicates(page, self.accepted(reader)), cursor, more

    def read_back(self, reader: str, before: Cursor | None, limit: int) -> tuple[list[Message], Cursor, Cursor, bool]:
        known = self.known(reader)
        if before is None:
            logs = {region: unbroken(log[-limit:]) for region, log in known.items()}
            before = {region: log[-1].sequence + 1 if log else 1 for region, log in logs.items()}
        else:
            logs = {
                region: [item for item in log if item.sequence < before[region]][-limit:]
                for region, log in known.items()
            }
        page, oldest, more = page_before(logs, before, limit)
        cursor = {region: sequence - 1 for region, sequence in before.items()}
        return without_duplicates(page, self.accepted(reader)), cursor, oldest, more

    def read_all(self, reader: str, limit: int) -> list[Message]:
        return list(self._pages(reader, limit))

    def _pages(self, reader: str, limit: int) -> Iterator[Message]:
        cursor: Cursor = {}
        more = True
        while more:
            page, cursor, more = self.read(reader, cursor, limit)
            yield from page


@pytest.fixture(params=SEEDS)
def world(request: pytest.FixtureRequest) -> World:
    """A history with concurrent writers, retries through other Regions, and replication in any order."""
    world = World(request.param)
    for number in range(world.random.randint(1, 60)):
        world.post(world.random.choice(REGIONS), str(number))
        if world.random.random() < 0.2:
            world.post(world.random.choice(REGIONS), f"twice-{number}")
            # The same client message again, through a Region that may not have heard of the first.
            missing = [
                region
                for region in REGIONS
                if all(item.client_message_id != f"twice-{number}" for item in world.known(region)[region])
            ]
            if missing:
                world.post(world.random.choice(missing), f"twice-{number}")
        world.replicate(world.random.choice([0, 0, 0.2, 0.7]))
    return world


def test_every_region_reads_the_same_order_once_everything_has_arrived(world: World) -> None:
    world.replicate(1)
    orders = {tuple(item.position for item in world.read_all(reader, world.random.randint(1, 7))) for reader in REGIONS}
    assert len(orders) == 1


def test_nothing_is_lost_and_nothing_doubled(world: World) -> None:
    world.replicate(1)
    read = [item.id for item in world.read_all("us-west-2", 5)]
    posted = {item.id for log in world.logs.values() for item in log}
    assert sorted(read) == sorted(posted)


def test_pages_of_any_length_make_the_same_conversation(world: World) -> None:
    world.replicate(1)
    whole = world.read_all("eu-west-1", 1000)
    assert all(world.read_all("eu-west-1", limit) == whole for limit in (1, 2, 3, 10))


def test_a_reader_that_follows_along_misses_nothing(world: World) -> None:
    followed: dict[str, Message] = {}
    cursor: Cursor = {}
    for share in (0.0, 0.3, 0.5, 1.0):
        world.replicate(share)
        more = True
        while more:
            page, cursor, more = world.read("ap-northeast-1", cursor, 4)
            # What clients do: of the same message keep the place that sorts first, and insert by order.
            for item in page:
                followed[item.id] = min(followed.get(item.id, item), item, key=lambda message: message.position)
    whole = world.read_all("ap-northeast-1", 1000)
    assert sorted(followed.values(), key=lambda item: item.position) == whole


@pytest.mark.parametrize("limit", [1, 2, 5, 1000])
def test_scrolling_back_shows_the_same_conversation_from_its_end(world: World, limit: int) -> None:
    world.replicate(1)
    pages: list[list[Message]] = []
    before: Cursor | None = None
    more = True
    while more:
        page, _, before, more = world.read_back("eu-west-1", before, limit)
        assert len(page) <= limit
        pages.insert(0, page)
    assert [item for page in pages for item in page] == world.read_all("eu-west-1", 1000)


def test_who_starts_at_the_end_and_scrolls_back_while_messages_arrive_misses_nothing(world: World) -> None:
    reader, seen = "us-west-2", dict[str, Message]()

    def keep(page: list[Message]) -> None:
        for item in page:
            seen[item.id] = min(seen.get(item.id, item), item, key=lambda message: message.position)

    page, cursor, before, _ = world.read_back(reader, None, 3)
    keep(page)
    shares = iter([0.1, 0.3, 0.5])
    while any(sequence > 1 for sequence in before.values()):
        page, _, before, more = world.read_back(reader, before, 3)
        keep(page)
        assert more == any(sequence > 1 for sequence in before.values())
        # What has not arrived keeps the reader waiting, and is not passed over.
        world.replicate(next(shares, 1))
    world.replicate(1)
    more = True
    while more:
        page, cursor, more = world.read(reader, cursor, 3)
        keep(page)
    assert sorted(seen.values(), key=lambda item: item.position) == world.read_all(reader, 1000)


def test_the_newest_page_ends_before_a_message_that_is_still_on_its_way() -> None:
    world = World(0)
    for number in range(6):
        world.post("us-west-2", str(number))
    log = world.logs["us-west-2"]
    assert [item.sequence for item in unbroken([log[1], log[2], log[4], log[5]])] == [2, 3]
    assert unbroken([]) == []
    # And one that is missing above the page holds up its log only.
    other = world.post("eu-west-1", "other")
    page, oldest, more = page_before(
        {"us-west-2": [log[0], log[1]], "eu-west-1": [other]}, {"us-west-2": 4, "eu-west-1": 2}, 10
    )
    assert (page, oldest, more) == ([other], {"us-west-2": 4, "eu-west-1": 1}, True)


def test_cursors_grow_and_count_what_waits() -> None:
    read = furthest({"us-west-2": 5}, {"us-west-2": 3, "eu-west-1": 2})
    assert read == {"us-west-2": 5, "eu-west-1": 2}
    assert waiting({"us-west-2": 9, "eu-west-1": 2, "ap-northeast-1": 1}, read) == 5
    # A head that lags behind what was read elsewhere makes nothing negative.
    assert waiting({"us-west-2": 1, "eu-west-1": 3}, read) == 1


def test_what_an_author_could_see_sorts_before_what_it_writes(world: World) -> None:
    for log in world.logs.values():
        for item in log:
            assert all(seen < item.position for seen in world.seen_before[f"{item.region}:{item.sequence}"])


def test_sequences_have_no_gap_and_clocks_grow_inside_a_log(world: World) -> None:
    for log in world.logs.values():
        assert [item.sequence for item in log] == list(range(1, len(log) + 1))
        assert all(earlier.clock < later.clock for earlier, later in pairwise(log))


def test_a_page_never_passes_a_gap() -> None:
    world = World(0)
    for number in range(5):
        world.post("us-west-2", str(number))
    log = world.logs["us-west-2"]
    assert [item.sequence for item in contiguous([log[0], log[1], log[3], log[4]], 0)] == [1, 2]
    page, cursor, more = page_of({"us-west-2": [log[1], log[3]]}, {"us-west-2": 1}, 10)
    assert ([item.sequence for item in page], cursor, more) == ([2], {"us-west-2": 2}, False)


def test_clock_is_the_time_unless_somebody_is_ahead() -> None:
    assert next_clock(1000, []) == 1000
    assert next_clock(1000, [900, 950]) == 1000
    assert next_clock(1000, [1000]) == 1001
    assert next_clock(1000, [900, 7000]) == 7001


def test_message_id_depends_on_room_author_and_client_message_only() -> None:
    assert message_id("r", "a", "1") == message_id("r", "a", "1")
    different = {
        message_id("r", "a", "1"),
        message_id("r", "a", "2"),
        message_id("r", "b", "1"),
        message_id("s", "a", "1"),
    }
    assert len(different | {message_id("r", "a1", ""), message_id("ra", "", "1")}) == 6


def test_cursor_survives_the_way_to_the_client_and_back() -> None:
    cursor = {"us-west-2": 5, "ap-northeast-1": 17}
    assert format_cursor(cursor) == "ap-northeast-1:17,us-west-2:5"
    assert parse_cursor(format_cursor(cursor), cursor) == cursor
    assert parse_cursor("", cursor) == {"us-west-2": 0, "ap-northeast-1": 0}
    assert parse_cursor("us-west-2:3", cursor) == {"us-west-2": 3, "ap-northeast-1": 0}


@pytest.mark.parametrize(
    "text",
    ["us-west-2", "us-west-2:", "us-west-2:-1", "us-west-2:x", "eu-west-1:1", "us-west-2:1;", ",", "us-west-2:٣"],
)
def test_a_cursor_of_somebody_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not one of this API"):
        parse_cursor(text, REGIONS[::2])
