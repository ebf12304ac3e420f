"""Reading rooms: the logs of all Regions as one conversation, each message in its present state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..domain import table as keys
from ..domain.changes import Change, current, place_of, places_in
from ..domain.entries import Position
from ..domain.messages import Message
from .log_items import LogItems
from .ordering import Cursor, first_after, format_cursor, page_before, page_of, unbroken, without_duplicates

MARGIN = 20
"""Changes of each Region that a reader who starts at the newest messages reads once more.

A change and the note that it changed are replicated on their own: of the changes that have arrived here, the note of
one of the last may still be on its way.
"""


class MessageNotFoundError(Exception):
    """The room has no such message, as far as is known here."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A part of a conversation."""

    messages: list[dict[str, Any]]
    """In order, each in its present state."""
    cursor: Cursor
    """From where what follows is read."""
    more: bool
    """Whether there is more, in the direction of reading."""
    changes: list[Change] = field(default_factory=list)
    """What was done to messages, in order."""
    before: Cursor | None = None
    """From where what comes before is read, for a reader who goes back."""
    answered: list[dict[str, Any]] = field(default_factory=list)
    """Messages which those of the page answer, and which are not in it."""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "messages": self.messages,
            "changes": [change.to_dict() for change in self.changes],
            "cursor": format_cursor(self.cursor),
            "more": self.more,
            **({"before": format_cursor(self.before)} if self.before else {}),
            **({"answered": self.answered} if self.answered else {}),
        }


class History:
    """Reads rooms.

    Attributes:
        logs: The names of all logs: a cursor has a number for each.
    """

    def __init__(self, items: LogItems, regions: Sequence[str]) -> None:
        self.items = items
        self._regions = tuple(regions)
        self.logs = (*self._regions, *map(keys.change_log, self._regions))

    def read(self, room: str, after: Cursor, limit: int) -> Page:
        """Return what follows a cursor, over all Regions, as far as it has arrived here.

        Args:
            room: The room.
            after: The reader's cursor.
            limit: Longest page. A page can be shorter and still have more behind it.
        """
        logs: dict[str, Sequence[Message | Change]] = {
            region: self.items.tail(room, region, after.get(region, 0), limit + 1) for region in self._regions
        }
        for region in self._regions:
            log = keys.change_log(region)
            logs[log] = self.items.changes(room, region, after.get(log, 0), limit + 1)
        page, cursor, more = page_of(logs, after, limit)
        changes = [entry for entry in page if isinstance(entry, Change)]
        messages, answered = self._described(room, [entry for entry in page if isinstance(entry, Message)])
        return Page(messages=messages, changes=changes, cursor=cursor, more=more, answered=answered)

    def read_back(self, room: str, before: Cursor | None, limit: int) -> Page:
        """Return what comes before a place, over all Regions: the way a client fills its window backwards.

        Args:
            room: The room.
            before: For each Region the sequence of the oldest message that the reader has; None for the newest page.
            limit: Longest page.
        """
        # Before the messages, whose state then has everything up to here.
        changes = self._start_of_changes(room) if before is None else {}
        if before is None:
            logs = {region: unbroken(self.items.end(room, region, limit)) for region in self._regions}
            before = {region: log[-1].sequence + 1 if log else 1 for region, log in logs.items()}
        else:
            before = {region: before[region] for region in self._regions}
            logs = {region: self.items.end(room, region, limit, before[region]) for region in self._regions}
        page, oldest, more = page_before(logs, before, limit)
        cursor = {region: max(0, sequence - 1) for region, sequence in before.items()} | changes
        messages, answered = self._described(room, page)
        return Page(messages=messages, cursor=cursor, before=oldest, more=more, answered=answered)

    def read_around(self, room: str, message: str, limit: int) -> Page:
        """Return a message with what comes before and after it; ``more`` is whether there are older ones.

        Raises:
            MessageNotFoundError: when there is none of this id.
        """
        changes = self._start_of_changes(room)
        place = place_of(self.items.notes(room, [message]).get(message, {}))
        if place is None:
            raise MessageNotFoundError
        behind = self._behind(room, place)
        half = max(1, limit // 2)
        older = {region: self.items.end(room, region, half, number) for region, number in behind.items()}
        newer = {region: self.items.tail(room, region, number - 1, half) for region, number in behind.items()}
        back, oldest, more = page_before(older, behind, half)
        on, cursor, _ = page_of(newer, {region: number - 1 for region, number in behind.items()}, half)
        messages, answered = self._described(room, [*back, *on])
        return Page(messages=messages, cursor=cursor | changes, before=oldest, more=more, answered=answered)

    def read_one(self, room: str, message: str) -> dict[str, Any]:
        """Return one message in its present state.

        Raises:
            MessageNotFoundError: when there is none of this id.
        """
        for found in self.present(room, [message]):
            return found
        raise MessageNotFoundError

    def _behind(self, room: str, place: Position) -> Cursor:
        """Return by Region the number of the first message that sorts behind the one at a place."""
        behind: Cursor = {}
        for region, last in self.items.heads(room).items():
            position_of = partial(self.items.position, room, region)
            own = region == place.region
            behind[region] = place.sequence + 1 if own else first_after(place, last, position_of)
        return behind

    def _start_of_changes(self, room: str) -> Cursor:
        """Return from where the changes are read by who has read the newest state of messages."""
        start: Cursor = {}
        for region in self._regions:
            window = unbroken(self.items.newest_changes(room, region, MARGIN))
            start[keys.change_log(region)] = window[0].sequence - 1 if window else 0
        return start

    def _described(self, room: str, page: Sequence[Message]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the messages of a page, each once and in its present state, and those that they answer."""
        notes = self.items.notes(room, [message.id for message in page])
        seen = without_duplicates(page, {message: places_in(of) for message, of in notes.items()})
        there = {message.id for message in seen}
        wanted = {message.answers: None for message in seen if message.answers and message.answers not in there}
        return [current(message, notes[message.id]) for message in seen], self.present(room, wanted)

    def present(self, room: str, messages: Iterable[str]) -> list[dict[str, Any]]:
        """Return messages in their present state; those that are not known here are left out."""
        notes = self.items.notes(room, messages)
        place_by_id = {message: place for message, of in notes.items() if (place := place_of(of))}
        key_of = {
            message: keys.message_key(room, place.region, place.sequence) for message, place in place_by_id.items()
        }
        found = keys.get_many(self.items.table, key_of.values())
        return [current(Message.of_item(found[key]), notes[message]) for message, key in key_of.items() if key in found]
