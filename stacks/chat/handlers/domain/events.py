"""Events of rooms: what the publisher publishes, consumers of the fan-out read, and live clients get.

An event is published with the attributes ``kind``, ``room``, ``region`` and ``channel``, by which consumers filter.
"""

import json
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import TypeAdapter

from .changes import Change
from .messages import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEvent:
    """A new message."""

    kind: Literal["message"] = "message"
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEvent:
    """A message was edited, deleted or reacted to."""

    kind: Literal["change"] = "change"
    change: Change


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


Event = MessageEvent | ChangeEvent | MembersEvent | PresenceEvent | TypingEvent | AttachmentEvent

_MESSAGE_EVENT = TypeAdapter(MessageEvent)
_ENTRY_EVENT: TypeAdapter[MessageEvent | ChangeEvent] = TypeAdapter(MessageEvent | ChangeEvent)


def to_json(event: Event) -> str:
    """Return the body with which an event is published; what a message does not have is left out."""
    return json.dumps(asdict(event, dict_factory=lambda fields: {name: it for name, it in fields if it is not None}))


def message_in(body: str) -> Message:
    """Return the message of a body that was published.

    Raises:
        ValueError: for a body that is no event of a message.
    """
    return _MESSAGE_EVENT.validate_json(body).message


def entry_in(body: str) -> Message | Change:
    """Return the message or the change of a body that was published.

    Raises:
        ValueError: for a body that is no event of either.
    """
    event = _ENTRY_EVENT.validate_json(body)
    return event.message if isinstance(event, MessageEvent) else event.change
