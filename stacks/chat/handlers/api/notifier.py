"""Tells members who do not have a room open of its messages: one notice for each of them and message.

Whether, where and how often somebody is really told is decided behind it. It works in the Region that accepted a
message, so each message is looked at once.
"""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from chat_api import people, rooms
from chat_api.presence import RoomPresence
from chat_api.table import connect

logger = Logger()
tracer = Tracer()
processor = BatchProcessor(event_type=EventType.SQS)
sqs = boto3.client("sqs")
table = connect()
presence = RoomPresence(table)

# Most messages of one SendMessageBatch, and enough of a text to decide whether to look.
_BATCH = 10
_LONGEST_BODY = 300


class NoticesRefusedError(Exception):
    """SQS did not take some of the notices; those that it took are dropped as repetitions when all are sent again."""


def notify(record: SQSRecord) -> None:
    """Send the notices of one message."""
    message = json.loads(record.body)["message"]
    room, author = message["room"], message["author"]
    absent = set(rooms.members_of(table, room)) - presence.look(room).online - {author}
    if not absent:
        return
    name, title = people.names_of(table, [author])[author], rooms.name_of(table, room)
    text = f"{name}: {message['text']}" if name else message["text"]
    notice = {
        "notice_id": message["id"],
        "topic": room,
        "title": title,
        "body": text[:_LONGEST_BODY],
        "link": f"{os.environ['WEB_ADDRESS']}/rooms/{room}",
    }
    users = sorted(absent)
    for start in range(0, len(users), _BATCH):
        entries: Any = [
            {"Id": str(number), "MessageBody": json.dumps(notice | {"user": user})}
            for number, user in enumerate(users[start : start + _BATCH])
        ]
        answer = sqs.send_message_batch(QueueUrl=os.environ["NOTICES_QUEUE"], Entries=entries)
        if answer.get("Failed"):
            raise NoticesRefusedError(answer["Failed"])


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Work on a batch of the queue; only what failed is delivered again."""
    return process_partial_response(event=event, record_handler=notify, processor=processor, context=context)
