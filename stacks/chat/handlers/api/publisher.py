"""Publishes what happens in rooms, in whichever Region it happened, to this Region's topic.

The stream of a replica carries what was written here and what was replicated to here, so one publisher per Region
serves all consumers of the Region. What it publishes is what live clients get, and the attributes say where. Consumers
may see an event twice, and not in order: a message's ``id`` tells the first, its ``clock``, ``region`` and ``sequence``
the second.
"""

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from chat_api import channels
from chat_api.table import Item, connect

logger = Logger()
tracer = Tracer()
processor = BatchProcessor(event_type=EventType.DynamoDBStreams)
sns = boto3.client("sns")
table = connect()
region = os.environ["AWS_REGION"]

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


class Channels:
    """The rooms' channels during one batch.

    All records of a batch were written before it began, so a channel that is looked up now is no older than they are:
    nothing that was posted after somebody left goes to the channel where they listen.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, room: str) -> str:
        """Return the channel of a room."""
        if room not in self._known:
            self._known[room] = channels.look_up(table, room, region)
        return self._known[room]

    def move(self, room: str) -> None:
        """Move a room to its next channel."""
        table.update_item(**channels.move(room, region))
        self._known.pop(room, None)


def message_event(image: Item, _name: str, room: str, rooms: Channels) -> Iterator[tuple[str, Event]]:
    """Tell of a new message."""
    yield rooms.of(room), {"kind": "message", "message": {field: image[field] for field in MESSAGE_FIELDS}}


def member_event(image: Item, _name: str, room: str, rooms: Channels) -> Iterator[tuple[str, Event]]:
    """Tell of somebody new; cut off who left in another Region."""
    if "left_at" not in image:
        yield rooms.of(room), {"kind": "members"}
    elif image.get("left_in") != region:
        # Where somebody leaves, the API moves the channel at once. Here it moves now, and the record of that follows.
        rooms.move(room)


def channel_event(image: Item, _name: str, room: str, _rooms: Channels) -> Iterator[tuple[str, Event]]:
    """Tell those who listen on the old channel that there is a new one. It is the last that the old one carries."""
    yield channels.path(room, image["previous"]), {"kind": "members"}


def presence_event(image: Item, user: str, room: str, rooms: Channels) -> Iterator[tuple[str, Event]]:
    """Tell that somebody came or went."""
    yield rooms.of(room), {"kind": "presence", "user": user, "online": image["change"] != "left"}


def typing_event(image: Item, user: str, room: str, rooms: Channels) -> Iterator[tuple[str, Event]]:
    """Tell that somebody types, still types, or has stopped."""
    yield rooms.of(room), {"kind": "typing", "user": user, "typing": image["change"] != "left"}


def attachment_event(_image: Item, attachment: str, room: str, rooms: Channels) -> Iterator[tuple[str, Event]]:
    """Tell that an attachment has a thumbnail now."""
    yield rooms.of(room), {"kind": "attachment", "id": attachment, "thumbnail": True}


EVENTS: dict[str, Callable[[Item, str, str, Channels], Iterator[tuple[str, Event]]]] = {
    "MESSAGE": message_event,
    "MEMBER": member_event,
    "CHANNEL": channel_event,
    "PRESENCE": presence_event,
    "TYPING": typing_event,
    "ATTACHMENT": attachment_event,
}


def publish(record: DynamoDBRecord, rooms: Channels) -> None:
    """Publish what one record of the stream means, with what consumers filter by."""
    image = (record.dynamodb and record.dynamodb.new_image) or {}
    kind, _, name = image["sk"].partition("#")
    room = image["pk"].split("#")[1]
    for channel, event in EVENTS[kind](image, name, room, rooms):
        accepted_in = event["message"]["region"] if kind == "MESSAGE" else region
        attributes = {"kind": event["kind"], "room": room, "region": accepted_in, "channel": channel}
        sns.publish(
            TopicArn=os.environ["TOPIC_ARN"],
            # DynamoDB's numbers are decimals; sequence and clock are whole.
            Message=json.dumps(event, default=int),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": str(value)} for name, value in attributes.items()
            },
        )


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Publish a batch of the stream; Lambda tries again from the first record that failed."""
    publish_one = partial(publish, rooms=Channels())
    return process_partial_response(event=event, record_handler=publish_one, processor=processor, context=context)
