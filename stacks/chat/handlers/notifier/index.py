"""Tells members who do not have a room open of its messages: one notice for each of them and message.

Whether, where and how often somebody is really told is decided behind it. It works in the Region that accepted a
message, so each message is looked at once. What it has to know of a room it reads once for all messages of a batch.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from ..domain import rooms
from ..domain.batches import failing_alone
from ..domain.presence import RoomPresence
from ..domain.table import Item, connect, get_many, profile_key, room_key

logger = Logger()
tracer = Tracer()
sqs = boto3.client("sqs")
table = connect()
presence = RoomPresence(table)

# Most messages of one SendMessageBatch, and enough of a text to decide whether to look.
_BATCH = 10
_LONGEST_BODY = 300


@dataclass(frozen=True)
class Message:
    """A message as far as a notice tells of it, and the record of the queue that brought it."""

    record: str
    id: str
    room: str
    author: str
    text: str

    @classmethod
    def of(cls, record: SQSRecord) -> "Message":
        """Read a record."""
        message = json.loads(record.body)["message"]
        return cls(record.message_id, message["id"], message["room"], message["author"], message["text"])


@dataclass(frozen=True)
class Notice:
    """What one member is told of one message."""

    record: str
    body: str


def absent_from(messages: Iterable[Message], failed: set[str]) -> dict[str, set[str]]:
    """Return by room the members who do not have it open; rooms that could not be read are left out."""
    records: dict[str, list[str]] = {}
    for message in messages:
        records.setdefault(message.room, []).append(message.record)
    absent: dict[str, set[str]] = {}
    for room, of_room in records.items():
        with failing_alone(*of_room, failed=failed):
            absent[room] = set(rooms.members_of(table, room)) - presence.online(room)
    return absent


def notices_of(messages: Iterable[Message], absent: Mapping[str, set[str]]) -> Iterator[Notice]:
    """Return whom messages are told, and how."""
    receivers = {message: absent.get(message.room, set()) - {message.author} for message in messages}
    told = [message for message in receivers if receivers[message]]
    # Rooms and people have names alike.
    named = get_many(table, [key for message in told for key in (room_key(message.room), profile_key(message.author))])
    for message in told:
        name = _name(named.get(profile_key(message.author)))
        notice = {
            "notice_id": message.id,
            "topic": message.room,
            "title": _name(named.get(room_key(message.room))),
            "body": (f"{name}: {message.text}" if name else message.text)[:_LONGEST_BODY],
            "link": f"{os.environ['WEB_ADDRESS']}/rooms/{message.room}",
        }
        for user in sorted(receivers[message]):
            yield Notice(message.record, json.dumps(notice | {"user": user}))


def _name(item: Item | None) -> str:
    """Return a name; empty for who has given none, and for what has not arrived in this Region."""
    return str(item["name"]) if item else ""


def send(notices: list[Notice]) -> set[str]:
    """Send up to ten notices; return the records whose notices SQS did not all take.

    Those that it took are dropped as repetitions when all are sent again.
    """
    entries: Any = [{"Id": str(number), "MessageBody": notice.body} for number, notice in enumerate(notices)]
    answer = sqs.send_message_batch(QueueUrl=os.environ["NOTICES_QUEUE"], Entries=entries)
    for refusal in answer.get("Failed", []):
        logger.error("notice refused", refusal=refusal)
    return {notices[int(refusal["Id"])].record for refusal in answer.get("Failed", [])}


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Work on a batch of the queue; only what failed is delivered again."""
    del context
    failed: set[str] = set()
    messages: list[Message] = []
    for record in map(SQSRecord, event["Records"]):
        with failing_alone(record.message_id, failed=failed):
            messages.append(Message.of(record))
    notices = notices_of(messages, absent_from(messages, failed))
    while some := list(islice(notices, _BATCH)):
        with failing_alone(*(notice.record for notice in some), failed=failed):
            failed |= send(some)
    return {"batchItemFailures": [{"itemIdentifier": record} for record in sorted(failed)]}
