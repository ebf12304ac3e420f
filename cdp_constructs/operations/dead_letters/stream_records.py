"""The records that a message of a stream's dead-letter queue names: read from the stream, and given to the function."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdp_constructs.operations.dead_letters.causes import body_of
from cdp_constructs.operations.dead_letters.filters import passes
from cdp_constructs.operations.dead_letters.messages import Message
from cdp_constructs.operations.dead_letters.origins import Kind
from cdp_constructs.operations.dead_letters.queues import DeadLetterQueue
from cdp_constructs.operations.deployed.errors import OperatorError

__all__ = ["StreamBatch", "batch_of", "process", "records_of"]

# Answers without records: a shard is read past what was deleted or is not written yet.
_EMPTY_ANSWERS = 20
# An invocation takes 6 MB; Lambda cut the batch for it when it failed.
_TRIMMED = {"dynamodb": "24 hours", "kinesis": "the stream's retention period"}


@dataclass(frozen=True)
class StreamBatch:
    """A part of a stream that was given up.

    Attributes:
        stream_arn: The stream.
        shard_id: The shard.
        first: Sequence number of its first record.
        last: Sequence number of its last record.
        size: How many records were given to the function.
    """

    stream_arn: str
    shard_id: str
    first: str
    last: str
    size: int

    @property
    def is_kinesis(self) -> bool:
        """Whether it is of Kinesis; of DynamoDB otherwise."""
        return self.stream_arn.split(":")[2] == "kinesis"


def batch_of(message: Message) -> StreamBatch:
    """Return what a message names.

    Raises:
        OperatorError: for a message that Lambda did not write.
    """
    body = body_of(message)
    named = body if isinstance(body, dict) else {}
    about = named.get("DDBStreamBatchInfo") or named.get("KinesisBatchInfo")
    if not isinstance(about, dict):
        raise OperatorError(f"message {message.id} names no part of a stream")
    first, last = about["startSequenceNumber"], about["endSequenceNumber"]
    return StreamBatch(about["streamArn"], about["shardId"], first, last, int(about["batchSize"]))


def records_of(queue: DeadLetterQueue, batch: StreamBatch) -> list[Mapping[str, Any]]:
    """Return the records of a batch as the function gets them, without those that its filters leave out.

    Raises:
        OperatorError: when the stream does not have them any more.
    """
    origin = next(origin for origin in queue.origins if origin.kind is Kind.STREAM)
    filters = origin.properties.get("FilterCriteria", {}).get("Filters", [])
    patterns = [one["Pattern"] for one in filters]
    return [record for record in _read(queue, batch) if passes(record, patterns)]


def process(queue: DeadLetterQueue, records: list[Mapping[str, Any]]) -> None:
    """Give records to the function once more.

    Raises:
        OperatorError: when it fails on one of them again.
    """
    function = queue.consumer
    if function is None:
        raise OperatorError(f"{queue.name}: the function that reads the stream is in another stack")
    answer = queue.stack.client("lambda").invoke(
        FunctionName=function.physical_id, Payload=json.dumps({"Records": records}, default=_to_json).encode()
    )
    said = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        raise OperatorError(f"{function.name} failed again: {said.get('errorType')}: {said.get('errorMessage', '')}")
    if failed := (said or {}).get("batchItemFailures"):
        numbers = ", ".join(str(one["itemIdentifier"]) for one in failed)
        raise OperatorError(f"{function.name} failed again, from record {numbers}")


def _read(queue: DeadLetterQueue, batch: StreamBatch) -> Iterator[Mapping[str, Any]]:
    stack = queue.stack
    client = stack.client("kinesis" if batch.is_kinesis else "dynamodbstreams")
    place = {"ShardId": batch.shard_id, "ShardIteratorType": "AT_SEQUENCE_NUMBER"}
    named = {"StreamARN" if batch.is_kinesis else "StreamArn": batch.stream_arn}
    number = "StartingSequenceNumber" if batch.is_kinesis else "SequenceNumber"
    service = "kinesis" if batch.is_kinesis else "dynamodb"
    gone = OperatorError(
        f"the stream has these records no more ({_TRIMMED[service]}); the runbook says where else the data is"
    )
    try:
        iterator = client.get_shard_iterator(**named, **place, **{number: batch.first})["ShardIterator"]
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in {"TrimmedDataAccessException", "InvalidArgumentException"}:
            raise gone from None
        raise
    found, empty = False, 0
    while iterator and empty < _EMPTY_ANSWERS:
        answer = client.get_records(ShardIterator=iterator)
        empty = 0 if answer["Records"] else empty + 1
        for record in answer["Records"]:
            sequence_number = record["SequenceNumber"] if batch.is_kinesis else record["dynamodb"]["SequenceNumber"]
            if int(sequence_number) > int(batch.last):
                return
            found = True
            yield _kinesis_event(record, batch, stack.region) if batch.is_kinesis else _event(record, batch)
            if sequence_number == batch.last:
                return
        iterator = answer.get("NextShardIterator")
    if not found:
        raise gone


def _event(record: Mapping[str, Any], batch: StreamBatch) -> Mapping[str, Any]:
    read: Mapping[str, Any] = json.loads(json.dumps(record, default=_to_json))
    return {**read, "eventSourceARN": batch.stream_arn}


def _kinesis_event(record: Mapping[str, Any], batch: StreamBatch, region: str) -> Mapping[str, Any]:
    """Return a record of Kinesis in the form that Lambda gives to functions."""
    arrived = record.get("ApproximateArrivalTimestamp")
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": arrived.timestamp() if isinstance(arrived, datetime) else arrived,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{batch.shard_id}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "awsRegion": region,
        "eventSourceARN": batch.stream_arn,
    }


def _to_json(value: Any) -> Any:
    """Write what the SDK reads and JSON has not: times in seconds, bytes in base64."""
    return int(value.timestamp()) if isinstance(value, datetime) else base64.b64encode(value).decode()
