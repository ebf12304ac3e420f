"""Which change of the table becomes which event, and on which channel."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from correlation import TRACEPARENT, valid
from transactional_outbox.publishing import Entry

from ..domain import channels
from ..domain.changes import Change as MessageChange
from ..domain.events import (
    AttachmentEvent,
    ChangeEvent,
    Event,
    MembersEvent,
    MessageEvent,
    PresenceEvent,
    TypingEvent,
    to_json,
)
from ..domain.messages import Message
from ..domain.table import Item
from .room_channels import RoomChannels


@dataclass(frozen=True)
class Change:
    """One record of the stream: an item that was written."""

    position: int
    image: Item
    kind: str
    name: str
    room: str

    @classmethod
    def of(cls, position: int, record: DynamoDBRecord) -> "Change":
        """Read a record, which is at a position of its batch."""
        image: Item = (record.dynamodb and record.dynamodb.new_image) or {}
        kind, _, name = image["sk"].partition("#")
        return cls(position, image, kind, name, room=image["pk"].split("#")[1])

    @property
    def traceparent(self) -> str | None:
        """What goes with the item through the system."""
        return valid(self.image.get(TRACEPARENT))

    @property
    def names_its_channel(self) -> bool:
        """Whether the record itself says which channel its event is for."""
        return self.kind == "CHANNEL"


def entries_of(change: Change, rooms: RoomChannels) -> list[Entry]:
    """Return the events of a change, with the attributes by which consumers filter."""
    entries = []
    for channel, event in _EVENTS[change.kind](change, rooms):
        accepted_in = _region_of(event) or rooms.region
        attributes = {"kind": event.kind, "room": change.room, "region": accepted_in, "channel": channel}
        # How late another Region's messages are also depends on the replication, which refusing posts would not change.
        if isinstance(event, MessageEvent | ChangeEvent) and accepted_in == rooms.region:
            attributes["sent_at"] = str(_milliseconds(event))
        if traceparent := change.traceparent:
            attributes[TRACEPARENT] = traceparent
        entries.append(Entry(change.position, to_json(event), attributes))
    return entries


def _milliseconds(event: MessageEvent | ChangeEvent) -> int:
    """Return when this Region accepted what an event tells of."""
    at = event.message.posted_at if isinstance(event, MessageEvent) else event.change.changed_at
    return round(datetime.fromisoformat(at).timestamp() * 1000)


def _region_of(event: Event) -> str | None:
    """Return the Region that accepted what an event tells of; None for what happens in every Region."""
    if isinstance(event, MessageEvent):
        return event.message.region
    return event.change.region if isinstance(event, ChangeEvent) else None


def _message(change: Change, rooms: RoomChannels) -> Iterator[tuple[str, Event]]:
    yield rooms.of(change.room), MessageEvent(message=Message.of_item(change.image))


def _change(change: Change, rooms: RoomChannels) -> Iterator[tuple[str, Event]]:
    """Announce what was done to a message; of one that was deleted, remove what this Region keeps of it."""
    done = MessageChange.of_item(change.image)
    if done.kind == "deletion":
        rooms.erase(done)
    yield rooms.of(change.room), ChangeEvent(change=done)


def _member(change: Change, rooms: RoomChannels) -> Iterator[tuple[str, Event]]:
    """Announce who joined; cut off who left in another Region."""
    if "left_at" not in change.image:
        yield rooms.of(change.room), MembersEvent()
    elif change.image.get("left_in") != rooms.region:
        # Where somebody leaves, the API moves the channel at once. Here it moves now, and the record of that follows.
        rooms.move(change.room)


def _channel(change: Change, _rooms: RoomChannels) -> Iterator[tuple[str, Event]]:
    """Tell those who listen on the old channel that there is a new one: the last event of the old one."""
    yield channels.path(change.room, change.image["previous"]), MembersEvent()


def _presence(change: Change, rooms: RoomChannels) -> Iterator[tuple[str, Event]]:
    yield rooms.of(change.room), PresenceEvent(user=change.name, online=change.image["change"] != "left")


def _typing(change: Change, rooms: RoomChannels) -> Iterator[tuple[str, Event]]:
    yield rooms.of(change.room), TypingEvent(user=change.name, typing=change.image["change"] != "left")


def _attachment(change: Change, rooms: RoomChannels) -> Iterator[tuple[str, Event]]:
    yield rooms.of(change.room), AttachmentEvent(id=change.name)


_EVENTS: dict[str, Callable[[Change, RoomChannels], Iterator[tuple[str, Event]]]] = {
    "MESSAGE": _message,
    "CHANGE": _change,
    "MEMBER": _member,
    "CHANNEL": _channel,
    "PRESENCE": _presence,
    "TYPING": _typing,
    "ATTACHMENT": _attachment,
}
