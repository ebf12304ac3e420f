"""How the logs of several Regions become one conversation. Pure functions: no AWS, no clock of their own.

Every Region numbers the messages that it accepts itself, 1, 2, 3…, in a log that no other Region writes, and the
changes of messages in another one. One rule puts the logs together: by clock, then Region, then sequence. The place of
an entry never changes once it is accepted.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import merge
from typing import Protocol, TypeVar
from uuid import UUID, uuid5

from ..domain.entries import Position
from ..domain.messages import Message

Cursor = dict[str, int]
"""For each log the sequence of the last entry that the reader has."""


class Entry(Protocol):
    """An entry of a log: a message, or a change of one."""

    @property
    def sequence(self) -> int:
        """Its number in the log."""

    @property
    def log(self) -> str:
        """The name of the log."""

    @property
    def position(self) -> Position:
        """Where it stands among the entries of all logs."""


Logged = TypeVar("Logged", bound=Entry)

# Any fixed UUID does; it must never change, because message ids are derived from it.
_NAMESPACE = UUID("5f3ae1f2-7a34-4c0f-9a0e-6d1c3f0b8f6e")


def message_id(room: str, author: str, client_message_id: str) -> str:
    """Derive the id, so that the same client message has the same id whichever Regions accept it."""
    return _derived(room, author, client_message_id)


def change_id(room: str, author: str, client_change_id: str) -> str:
    """Derive the id of a change, as that of a message; it is never the id of a message."""
    return _derived("change", room, author, client_change_id)


def _derived(*parts: str) -> str:
    # Lengths in front keep ("a", "bc") and ("ab", "c") apart.
    return str(uuid5(_NAMESPACE, "".join(f"{len(part)}:{part}" for part in parts)))


def next_clock(now: int, seen: Iterable[int]) -> int:
    """Return the clock for a new message: now, but later than every message that its author could have seen.

    Args:
        now: Milliseconds since 1970 on this machine; may be wrong without breaking the order of a conversation.
        seen: Clocks of the newest message of each log, as far as they are known here.
    """
    return max([now, *(clock + 1 for clock in seen)])


def contiguous(log: Iterable[Logged], after: int) -> list[Logged]:
    """Return the entries that follow ``after`` without a gap.

    A global table replicates items in no particular order: number 8 may be here before number 7. Until 7 arrives a
    reader must not move past it, or it would never see it.

    Args:
        log: Entries of one log in order of their sequence.
        after: Sequence of the last entry that the reader has.
    """
    entries: list[Logged] = []
    for entry in log:
        if entry.sequence != after + 1:
            break
        entries.append(entry)
        after = entry.sequence
    return entries


def page_of(logs: Mapping[str, Sequence[Logged]], after: Cursor, limit: int) -> tuple[list[Logged], Cursor, bool]:
    """Merge what follows the cursor into one page.

    Args:
        logs: For each log, entries after the cursor in order of their sequence, at least ``limit + 1`` if there are as
            many.
        after: The reader's cursor; a log that is not in it counts as 0.
        limit: Longest page.

    Returns:
        The entries in order, the cursor after them, and whether more can be read at once.
    """
    known = [contiguous(log, after.get(name, 0)) for name, log in logs.items()]
    ordered = list(merge(*known, key=lambda entry: entry.position))
    page = ordered[:limit]
    # Clocks grow inside a log, so what a page takes from a log is its beginning and one number stands for it.
    cursor = {name: after.get(name, 0) for name in logs} | {entry.log: entry.sequence for entry in page}
    return page, cursor, len(ordered) > limit


def unbroken(window: Iterable[Logged]) -> list[Logged]:
    """Return the entries of a log's newest part that a reader who starts there may have.

    Where a number is missing, what follows it has to wait until it has been replicated: a reader that started behind
    the gap would never see it.

    Args:
        window: The newest entries of one log in order of their sequence.
    """
    entries = list(window)
    return contiguous(entries, entries[0].sequence - 1) if entries else []


def first_after(place: Position, last: int, position_of: Callable[[int], Position | None]) -> int:
    """Return the number of the first message of a log that sorts behind a place, or one more than the last number.

    Clocks grow inside a log, so a bisection finds it.

    Args:
        place: The place.
        last: The last number of the log.
        position_of: Returns where the message of a number stands; None while it has not arrived, and then it counts
            as behind the place.
    """
    low, high = 1, last + 1
    while low < high:
        middle = (low + high) // 2
        position = position_of(middle)
        if position is not None and position < place:
            low = middle + 1
        else:
            high = middle
    return low


def page_before(
    logs: Mapping[str, Sequence[Message]], before: Cursor, limit: int
) -> tuple[list[Message], Cursor, bool]:
    """Merge what comes before a place into one page, the newest of it.

    Args:
        logs: For each Region, the last messages below ``before`` in order of their sequence, at least ``limit`` if
            there are as many.
        before: For each Region the sequence of the oldest message that the reader has.
        limit: Longest page.

    Returns:
        The messages in order, what is the oldest now, and whether there are older ones. A log whose next older message
        has not arrived yet is left where it is, so a page can be short or empty and have older ones all the same.
    """
    known: list[list[Message]] = []
    for region, log in logs.items():
        after, run = before[region], []
        for message in reversed(log):
            if message.sequence != after - 1:
                break
            run.append(message)
            after = message.sequence
        known.append(run)
    page = list(merge(*known, key=lambda message: message.position, reverse=True))[:limit]
    # Clocks grow inside a log, so what a page takes from a log is its end, and the last one taken is the oldest.
    oldest = before | {item.region: item.sequence for item in page}
    return page[::-1], oldest, any(sequence > 1 for sequence in oldest.values())


def furthest(one: Cursor, other: Cursor) -> Cursor:
    """Return the cursor of a reader who has what two cursors stand for."""
    return {region: max(one.get(region, 0), other.get(region, 0)) for region in {**one, **other}}


def waiting(heads: Cursor, read: Cursor) -> int:
    """Count the messages between what was read and the last ones."""
    return sum(max(0, last - read.get(region, 0)) for region, last in heads.items())


def without_duplicates(page: Iterable[Message], accepted: Mapping[str, Iterable[Position]]) -> list[Message]:
    """Leave out a message that another Region accepted too, at an earlier place.

    A client that got no answer may send again through another Region before the first acceptance is replicated. Both
    Regions then number the message. Readers show the one that sorts first; nothing is deleted or renumbered.

    Args:
        page: Messages.
        accepted: For each message id, every place at which it was accepted, as far as it is known here.
    """
    return [item for item in page if all(item.position <= place for place in accepted.get(item.id, ()))]


def format_cursor(cursor: Cursor) -> str:
    """Write a cursor as clients hand it back: ``ap-northeast-1:17,us-west-2:5,us-west-2.changes:2``."""
    return ",".join(f"{log}:{sequence}" for log, sequence in sorted(cursor.items()))


def parse_cursor(text: str, logs: Iterable[str]) -> Cursor:
    """Read a cursor.

    Args:
        text: As written by ``format_cursor``; empty means the beginning. A log left out counts as 0.
        logs: The logs that there are.

    Raises:
        ValueError: when the text is something else, or names another log.
    """
    cursor = dict.fromkeys(logs, 0)
    for part in text.split(",") if text else []:
        match = re.fullmatch(r"([a-z0-9.-]+):(\d{1,12})", part, flags=re.ASCII)
        if match is None or match[1] not in cursor:
            message = f"cursor {text!r} is not one of this API; pass 'cursor' of an earlier answer, or nothing"
            raise ValueError(message)
        cursor[match[1]] = int(match[2])
    return cursor
