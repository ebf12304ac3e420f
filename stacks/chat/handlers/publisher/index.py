"""Publishes what happens in rooms, in whichever Region it happened, to this Region's topic.

The stream of a replica carries what was written here and what was replicated to here, so one publisher per Region
serves all consumers of the Region. Consumers may see an event twice, and not in order: a message's ``id`` identifies
it, its ``clock``, ``region`` and ``sequence`` order it.
"""

from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from correlation import TRACEPARENT, about, id_of
from transactional_outbox.publishing import Entry, Topic, answer

from ..domain.batches import failing_alone
from ..domain.table import connect
from .environment import Environment
from .room_channels import RoomChannels
from .rules import Change, entries_of

logger = Logger()
environment = Environment.read()
table = connect(environment.table_name)
topic = Topic(environment.topic_arn, logger)


def _traceparent(record: DynamoDBRecord) -> object:
    """Return what a record carries, whether or not the rest of it can be read."""
    return ((record.dynamodb and record.dynamodb.new_image) or {}).get(TRACEPARENT)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Publish a batch of the stream; Lambda retries from the first record that failed."""
    del context
    records = [DynamoDBRecord(record) for record in event["Records"]]
    failed: set[int] = set()
    changes: list[Change] = []
    for position, record in enumerate(records):
        with (
            about(logger, _traceparent(record)),
            failing_alone(position, failed=failed, about=partial(_place_of, record)),
        ):
            changes.append(Change.of(position, record))
    looked_up = {change.room for change in changes if not change.names_its_channel}
    rooms = RoomChannels(table, environment.region, looked_up)
    entries: list[Entry] = []
    for change in changes:
        place = partial(_place_of, records[change.position])
        with about(logger, change.traceparent), failing_alone(change.position, failed=failed, about=place):
            entries += entries_of(change, rooms)
    failed |= topic.publish(entries).unpublished
    for entry in entries:
        if TRACEPARENT in entry.attributes and entry.position not in failed:
            logger.info("Published", correlation_id=id_of(entry.attributes[TRACEPARENT]), attributes=entry.attributes)
    return answer([record["dynamodb"]["SequenceNumber"] for record in event["Records"]], failed)


def _place_of(record: DynamoDBRecord) -> dict[str, Any]:
    """Return by what an operator finds a record and its item: sequence number and keys, and no text of anybody."""
    stream_record: Any = record.dynamodb
    keys = stream_record.keys if stream_record else {}
    room = str(keys.get("pk", "")).split("#")[1:2]
    return {"sequence_number": stream_record and stream_record.sequence_number, "key": keys, "room": "".join(room)}
