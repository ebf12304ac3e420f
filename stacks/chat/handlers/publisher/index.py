"""Publishes what happens in rooms, in whichever Region it happened, to this Region's topic.

The stream of a replica carries what was written here and what was replicated to here, so one publisher per Region
serves all consumers of the Region. What it publishes is what live clients get, and the attributes say where. Consumers
may see an event twice, and not in order: a message's ``id`` tells the first, its ``clock``, ``region`` and ``sequence``
the second.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from ..domain import channels
from ..domain.batches import failing_alone
from ..domain.table import Item, connect

logger = Logger()
tracer = Tracer()
sns = boto3.client("sns")
table = connect()
region = os.environ["AWS_REGION"]

# https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html; the bytes are those of all messages together.
MOST_ENTRIES = 10
MOST_BYTES = 256 * 1024
# What one bad entry can cause to a whole request; anything else is about the topic or the caller.
MAYBE_ONE_ENTRY = {"BatchRequestTooLong", "InvalidParameter", "InvalidParameterValue", "ValidationError"}

MESSAGE_FIELDS = (
    "id",
    "room",
    "author",
    "client_message_id",
    "text",
    "attachments",
    "posted_at",
    "region",
    "sequence",
    "clock",
)

Event = dict[str, Any]


class FirstRecordFailedError(Exception):
    """Nothing of the batch is done with: Lambda halves it and tries again, down to the record that is bad."""


class UnknownChannelError(Exception):
    """The room was to move to another channel and has not: where its events may go is not known."""


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


@dataclass(frozen=True)
class Entry:
    """An event on its way to the topic."""

    position: int
    message: str
    attributes: dict[str, str]

    @property
    def size(self) -> int:
        """Bytes that SNS counts: the body, and each attribute's name, type and value."""
        parts = (f"{name}String{value}" for name, value in self.attributes.items())
        return len(self.message.encode()) + sum(len(part.encode()) for part in parts)


class Channels:
    """The rooms' channels during one batch.

    All records of a batch were written before it began, so a channel that is looked up now is no older than they are:
    nothing that was posted after somebody left goes to the channel where they listen.
    """

    def __init__(self, changes: Iterable[Change]) -> None:
        # What tells of a channel says itself which one.
        rooms = {change.room for change in changes if change.kind != "CHANNEL"}
        self._known = channels.look_up_many(table, rooms, region)

    def of(self, room: str) -> str:
        """Return the channel of a room.

        Raises:
            UnknownChannelError: when the room could not be moved.
        """
        if room not in self._known:
            raise UnknownChannelError(room)
        return self._known[room]

    def move(self, room: str) -> None:
        """Move a room to its next channel."""
        # Who left listens on the old one: nothing that follows may go there, also when the move fails.
        self._known.pop(room, None)
        answer = table.update_item(**channels.move(room, region), ReturnValues="UPDATED_NEW")
        self._known[room] = channels.current(answer["Attributes"], room)


def message_event(change: Change, rooms: Channels) -> Iterator[tuple[str, Event]]:
    """Tell of a new message."""
    message = {field: change.image[field] for field in MESSAGE_FIELDS}
    yield rooms.of(change.room), {"kind": "message", "message": message}


def member_event(change: Change, rooms: Channels) -> Iterator[tuple[str, Event]]:
    """Tell of somebody new; cut off who left in another Region."""
    if "left_at" not in change.image:
        yield rooms.of(change.room), {"kind": "members"}
    elif change.image.get("left_in") != region:
        # Where somebody leaves, the API moves the channel at once. Here it moves now, and the record of that follows.
        rooms.move(change.room)


def channel_event(change: Change, _rooms: Channels) -> Iterator[tuple[str, Event]]:
    """Tell those who listen on the old channel that there is a new one. It is the last that the old one carries."""
    yield channels.path(change.room, change.image["previous"]), {"kind": "members"}


def presence_event(change: Change, rooms: Channels) -> Iterator[tuple[str, Event]]:
    """Tell that somebody came or went."""
    online = change.image["change"] != "left"
    yield rooms.of(change.room), {"kind": "presence", "user": change.name, "online": online}


def typing_event(change: Change, rooms: Channels) -> Iterator[tuple[str, Event]]:
    """Tell that somebody types, still types, or has stopped."""
    typing = change.image["change"] != "left"
    yield rooms.of(change.room), {"kind": "typing", "user": change.name, "typing": typing}


def attachment_event(change: Change, rooms: Channels) -> Iterator[tuple[str, Event]]:
    """Tell that an attachment has a thumbnail now."""
    yield rooms.of(change.room), {"kind": "attachment", "id": change.name, "thumbnail": True}


EVENTS: dict[str, Callable[[Change, Channels], Iterator[tuple[str, Event]]]] = {
    "MESSAGE": message_event,
    "MEMBER": member_event,
    "CHANNEL": channel_event,
    "PRESENCE": presence_event,
    "TYPING": typing_event,
    "ATTACHMENT": attachment_event,
}


def entries_of(change: Change, rooms: Channels) -> list[Entry]:
    """Return what a change means, with what consumers filter by."""
    entries = []
    for channel, event in EVENTS[change.kind](change, rooms):
        accepted_in = event["message"]["region"] if change.kind == "MESSAGE" else region
        attributes = {"kind": event["kind"], "room": change.room, "region": str(accepted_in), "channel": channel}
        # DynamoDB's numbers are decimals; sequence and clock are whole.
        entries.append(Entry(change.position, json.dumps(event, default=int), attributes))
    return entries


def in_requests(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Put entries together, in their order, to as few requests as SNS takes."""
    request: list[Entry] = []
    size = 0
    for entry in entries:
        if request and (len(request) == MOST_ENTRIES or size + entry.size > MOST_BYTES):
            yield request
            request, size = [], 0
        request.append(entry)
        size += entry.size
    if request:
        yield request


def publish(entries: list[Entry]) -> set[int]:
    """Publish entries with one request; return the positions of the records that were not published."""
    request: Any = [
        {
            "Id": str(number),
            "Message": entry.message,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in entry.attributes.items()
            },
        }
        for number, entry in enumerate(entries)
    ]
    try:
        answer = sns.publish_batch(TopicArn=os.environ["TOPIC_ARN"], PublishBatchRequestEntries=request)
    except (BotoCoreError, ClientError) as error:
        if len(entries) > 1 and isinstance(error, ClientError) and error.response["Error"]["Code"] in MAYBE_ONE_ENTRY:
            # Alone, only the one at fault is refused.
            return {position for entry in entries for position in publish([entry])}
        logger.exception("not published", entries=len(entries))
        return {entry.position for entry in entries}
    for failure in answer.get("Failed", []):
        logger.error("not published", failure=failure)
    return {entries[int(failure["Id"])].position for failure in answer.get("Failed", [])}


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Publish a batch of the stream; Lambda tries again from the first record that failed."""
    del context
    records = [DynamoDBRecord(record) for record in event["Records"]]
    failed: set[int] = set()
    changes: list[Change] = []
    for position, record in enumerate(records):
        with failing_alone(position, failed=failed):
            changes.append(Change.of(position, record))
    rooms = Channels(changes)
    entries: list[Entry] = []
    for change in changes:
        with failing_alone(change.position, failed=failed):
            entries += entries_of(change, rooms)
    for request in in_requests(entries):
        failed |= publish(request)
    if not failed:
        return {"batchItemFailures": []}
    first = min(failed)
    if first == 0:
        # What is reported is where Lambda cuts a batch, so this one would come again and again as it is, and be given
        # up with all that is good in it. A batch that fails as a whole is halved.
        raise FirstRecordFailedError
    stream_record: Any = records[first].dynamodb
    return {"batchItemFailures": [{"itemIdentifier": stream_record.sequence_number}]}
