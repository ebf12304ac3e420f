"""Sends a notice of each message to the members who do not have its room open.

Whether, where and how often somebody is really notified is decided behind the queue. This runs in the Region that
accepted a message, so each message is handled once. What it has to know of a room it reads once for all messages of a
batch.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from correlation import about, attributes, carried_by

from ..domain.batches import failing_alone
from ..domain.events import message_in
from ..domain.table import Item, Key, connect, get_many
from .environment import Environment
from .members import absent_members
from .rules import Notice, Received, keys_of, notices_of, receivers_of

logger = Logger()
environment = Environment.read()
sqs = boto3.client("sqs")
table = connect(environment.table_name)

# Most messages of one SendMessageBatch.
_BATCH = 10


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Handle a batch of the queue; only what failed is delivered again."""
    del context
    failed: set[str] = set()
    messages: list[Received] = []
    for record in map(SQSRecord, event["Records"]):
        with about(logger, carried_by(record)), failing_alone(record.message_id, failed=failed):
            messages.append(Received(record.message_id, message_in(record.body)))
    notices = notices_for(messages, absent_from(messages, failed), failed)
    while some := list(islice(notices, _BATCH)):
        with (
            about(logger, *(notice.traceparent for notice in some)),
            failing_alone(*(notice.record for notice in some), failed=failed),
        ):
            failed |= send(some)
    return {"batchItemFailures": [{"itemIdentifier": record} for record in sorted(failed)]}


def absent_from(messages: Iterable[Received], failed: set[str]) -> dict[str, set[str]]:
    """Return by room the members who do not have it open; rooms that could not be read are left out."""
    records: dict[str, list[str]] = {}
    for received in messages:
        records.setdefault(received.message.room, []).append(received.record)
    absent: dict[str, set[str]] = {}
    for room, of_room in records.items():
        with failing_alone(*of_room, failed=failed):
            absent[room] = absent_members(table, room)
    return absent


def notices_for(messages: Iterable[Received], absent: dict[str, set[str]], failed: set[str]) -> Iterator[Notice]:
    """Return the notices of messages; names are read once for all. A message whose names are unreadable fails alone."""
    receivers = [(received, receivers_of(received, absent)) for received in messages]
    wanted = [(received, users) for received, users in receivers if users]
    named = names_for([received for received, _ in wanted])
    for received, users in receivers:
        with about(logger, received.message.traceparent):
            logger.info("Members to be notified", room=received.message.room, members=len(users))
    for received, users in wanted:
        notices: list[Notice] = []
        with about(logger, received.message.traceparent), failing_alone(received.record, failed=failed):
            known = named if named is not None else get_many(table, keys_of([received]))
            notices = list(notices_of(received, users, known, environment.web_address))
        yield from notices


def names_for(messages: list[Received]) -> dict[Key, Item] | None:
    """Return the items with the names of rooms and authors; None when a key is refused, so that each is read alone."""
    try:
        return get_many(table, keys_of(messages))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        return None


def send(notices: list[Notice]) -> set[str]:
    """Send up to ten notices; return the records whose notices SQS did not all accept.

    Those that it accepted are dropped as repetitions when all are sent again.
    """
    entries: Any = [
        {"Id": str(number), "MessageBody": notice.body, "MessageAttributes": attributes(notice.traceparent)}
        for number, notice in enumerate(notices)
    ]
    answer = sqs.send_message_batch(QueueUrl=environment.queue_url, Entries=entries)
    for refusal in answer.get("Failed", []):
        with about(logger, notices[int(refusal["Id"])].traceparent):
            logger.error("Notice refused", refusal=refusal)
    return {notices[int(refusal["Id"])].record for refusal in answer.get("Failed", [])}
