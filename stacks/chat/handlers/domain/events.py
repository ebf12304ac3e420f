"""Events of rooms: what the publisher publishes, consumers of the fan-out read, and live clients get.

An event is published with the attributes ``kind``, ``room``, ``region`` and ``channel``, by which consumers filter.
"""

import json
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import TypeAdapter

from .messages import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEvent:
    """A new message."""

    kind: Literal["message"] = "message"
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersEvent:
    """Somebody joined or left; the room may have another channel now."""

    kind: Literal["members"] = "members"


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceEvent:
    """Somebody opened or closed the room."""

    kind: Literal["presence"] = "presence"
    user: str
    online: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TypingEvent:
    """Somebody types, still types, or has stopped."""

    kind: Literal["typing"] = "typing"
    user: str
    typing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentEvent:
    """An attachment has a thumbnail now."""

    kind: Literal["attachment"] = "attachment"
    id: str
    thumbnail: bool = True


Event = MessageEvent | MembersEvent | PresenceEvent | TypingEvent | AttachmentEvent

_MESSAGE_EVENT = TypeAdapter(MessageEvent)


def to_json(event: Event) -> str:
    """Return the body with which an event is published."""
    return json.dumps(asdict(event))


def message_in(body: str) -> Message:
    """Return the message of a body that was published.

    Raises:
        ValueError: for a body that is no event of a message.
    """
    return _MESSAGE_EVENT.validate_json(body).message
