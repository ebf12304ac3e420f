"""Which members get a notice of which message, and what it says."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..domain.messages import Message
from ..domain.names import shown
from ..domain.table import Item, Key, profile_key, room_key

# Enough of a text to decide whether to open the room.
_LONGEST_BODY = 300
# A notice has a title and a text; of a text of hidden characters, and of a room that has not arrived, nothing is shown.
_NOTHING = "…"


@dataclass(frozen=True)
class Received:
    """A message, and the record of the queue that it came in."""

    record: str
    message: Message


@dataclass(frozen=True)
class Notice:
    """The notice of one message for one member."""

    record: str
    body: str
    traceparent: str | None
    """Of the message."""


def keys_of(messages: Iterable[Received]) -> list[Key]:
    """Return the items that have the names which notices mention: of rooms and of authors."""
    of = [received.message for received in messages]
    return [key for message in of for key in (room_key(message.room), profile_key(message.author))]


def receivers_of(received: Received, absent: Mapping[str, set[str]]) -> set[str]:
    """Return the members who are away, except the author."""
    return absent.get(received.message.room, set()) - {received.message.author}


def notices_of(
    received: Received, receivers: Iterable[str], named: Mapping[Key, Item], web_address: str
) -> Iterator[Notice]:
    """Return the notices of a message, one for each receiver.

    Args:
        received: The message.
        receivers: Who gets a notice.
        named: What was found of ``keys_of``.
        web_address: Where the web client is.
    """
    message = received.message
    author, text = _name(named.get(profile_key(message.author))), shown(message.text)
    notice = {
        "notice_id": message.id,
        "topic": message.room,
        "title": _name(named.get(room_key(message.room))) or _NOTHING,
        "body": (f"{author}: {text}" if author else text)[:_LONGEST_BODY] or _NOTHING,
        "link": f"{web_address}/rooms/{message.room}",
    }
    for user in sorted(receivers):
        yield Notice(received.record, json.dumps(notice | {"user": user}), message.traceparent)


def _name(item: Item | None) -> str:
    """Return a name; empty for who has given none, and for what has not arrived in this Region."""
    return shown(str(item["name"])) if item else ""
