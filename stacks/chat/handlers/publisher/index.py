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

from ..domain.batches import failing_alone
from ..domain.table import connect
from .environment import Environment
from .room_channels import RoomChannels
from .rules import Change, entries_of
from .topic import Entry, Topic

logger = Logger()
environment = Environment.read()
table = connect(environment.table_name)
topic = Topic(environment.topic_arn)


class FirstRecordFailedError(Exception):
    """The first record of the batch failed: Lambda halves the batch and retries, down to the record that is bad."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Publish a batch of the stream; Lambda retries from the first record that failed."""
    del context
    records = [DynamoDBRecord(record) for record in event["Records"]]
    failed: set[int] = set()
    changes: list[Change] = []
    for position, record in enumerate(records):
        with failing_alone(position, failed=failed, about=partial(_place_of, record)):
            changes.append(Change.of(position, record))
    looked_up = {change.room for change in changes if not change.names_its_channel}
    rooms = RoomChannels(table, environment.region, looked_up)
    entries: list[Entry] = []
    for change in changes:
        with failing_alone(change.position, failed=failed, about=partial(_place_of, records[change.position])):
            entries += entries_of(change, rooms)
    failed |= topic.publish(entries)
    if not failed:
        return {"batchItemFailures": []}
    first = min(failed)
    if first == 0:
        # What is reported is where Lambda cuts a batch, so this one would be delivered again as it is, and given up
        # with all that is good in it. A batch that fails as a whole is halved.
        raise FirstRecordFailedError
    stream_record: Any = records[first].dynamodb
    return {"batchItemFailures": [{"itemIdentifier": stream_record.sequence_number}]}


def _place_of(record: DynamoDBRecord) -> dict[str, Any]:
    """Return by what an operator finds a record and its item: sequence number and keys, and no text of anybody."""
    stream_record: Any = record.dynamodb
    keys = stream_record.keys if stream_record else {}
    room = str(keys.get("pk", "")).split("#")[1:2]
    return {"sequence_number": stream_record and stream_record.sequence_number, "key": keys, "room": "".join(room)}
