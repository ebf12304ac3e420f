"""Search of a room's messages: its logs are read backwards, a bounded part with each request.

There is no index. What a search costs is what it reads, and people search far more seldom than they write (decision
0033). A message that was edited is found at the place of its last edit, by what it says now; a deleted one never.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from heapq import merge
from typing import Any

from ..domain.changes import Change
from ..domain.entries import Position
from ..domain.messages import Message
from ..domain.search import searchable
from .history import History
from .models import EARLIEST, LATEST
from .ordering import Cursor, first_after

# Entries that one request looks through, and that it reads of a log at a time: a quarter of a megabyte usually.
_MOST = 4000
_CHUNK = 500


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What somebody looks for; each part may be left out."""

    text: str | None = None
    """Words that the message has, or parts of words, in any order; case, and the width of Japanese characters, do not
    matter."""
    author: str | None = None
    since: datetime = EARLIEST
    until: datetime = LATEST

    def fits(self, entry: Message | Change) -> bool:
        """Return whether what was written is of those, whenever that was."""
        if isinstance(entry, Change) and entry.kind != "edit":
            return False
        if self.author is not None and entry.author != self.author:
            return False
        said = searchable(entry.text)
        return all(word in said for word in self._words)

    @cached_property
    def _words(self) -> list[str]:
        return searchable(self.text or "").split()


@dataclass(frozen=True, kw_only=True)
class Found:
    """A page of what was found."""

    messages: list[dict[str, Any]]
    """The newest first, each in its present state."""
    after: Cursor | None
    """Where the next page begins; None when everything was read."""
    searched_to: str | None
    """When the oldest entry that was looked at was written; None when there was none."""


class MessageSearch:
    """Looks through rooms.

    Args:
        history: Reads them.
    """

    def __init__(self, history: History) -> None:
        self._history = history

    def page(self, room: str, wanted: Wanted, *, after: Cursor | None, limit: int) -> Found:
        """Return the messages of a room that somebody looks for, the newest first.

        Args:
            room: The room.
            wanted: What is looked for.
            after: What the page before said; None for the newest messages.
            limit: Longest page. A page can be shorter, or empty, and still have more behind it.
        """
        start = after or self._start(room, wanted.until)
        before = dict(start)
        since = _milliseconds(wanted.since)
        candidates: list[Message | Change] = []
        searched_to: str | None = None
        logs = [self._backwards(room, log, start.get(log), before) for log in self._history.logs]
        for count, entry in enumerate(merge(*logs, key=lambda entry: entry.position, reverse=True), start=1):
            if entry.clock < since:
                before = {}
                break
            before[entry.log] = entry.sequence
            searched_to = entry.posted_at if isinstance(entry, Message) else entry.changed_at
            if wanted.fits(entry):
                candidates.append(entry)
            if count == _MOST or len(candidates) == limit:
                break
        return Found(
            messages=self._present(room, candidates),
            after=before if any(number > 1 for number in before.values()) else None,
            searched_to=searched_to,
        )

    def _start(self, room: str, until: datetime) -> Cursor:
        """Return by log the number behind which a time lies; nothing for the newest entries."""
        if until == LATEST:
            return {}
        place = Position(_milliseconds(until) + 1, "", 0)
        return {
            log: first_after(place, self._history.items.last(room, log), partial(self._position, room, log))
            for log in self._history.logs
        }

    def _position(self, room: str, log: str, sequence: int) -> Position | None:
        entries = self._history.items.scan_back(room, log, 1, sequence + 1)
        return entries[0].position if entries and entries[0].sequence == sequence else None

    def _backwards(self, room: str, log: str, number: int | None, before: Cursor) -> Iterator[Message | Change]:
        """Yield the entries of a log below a number, the newest first, up to one that has not been replicated yet.

        Without a number the newest entry is the first, and ``before`` is told the number behind it.
        """
        while number is None or number > 1:
            entries = self._history.items.scan_back(room, log, _CHUNK, number)
            if number is None:
                number = before[log] = entries[0].sequence + 1 if entries else 1
            for entry in entries:
                if entry.sequence != number - 1:
                    return
                yield entry
                number = entry.sequence
            if not entries:
                return

    def _present(self, room: str, candidates: list[Message | Change]) -> list[dict[str, Any]]:
        """Return the messages of candidates that still say so, each once."""
        ids = [entry.message if isinstance(entry, Change) else entry.id for entry in candidates]
        state_of = {state["id"]: state for state in self._history.present(room, ids)}
        return [
            state
            for identity, entry in zip(ids, candidates, strict=True)
            if (state := state_of.get(identity)) and "deleted" not in state and _written_in(state) == entry.position
        ]


def _written_in(state: dict[str, Any]) -> Position:
    """Return the place at which a message's present text was written: its own, or that of its last edit."""
    place = state.get("edited", state)
    return Position(int(place["clock"]), str(place["region"]), int(place["sequence"]))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
