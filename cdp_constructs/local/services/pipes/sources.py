"""EventBridge Pipes: what a pipe reads from queues, Kinesis streams and DynamoDB streams, under its role."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.services.iam import evaluation, sessions

__all__ = ["Batch", "batches", "session_of"]

_ddb: Any = ministack.module("services.dynamodb", "stream_records_since", "stream_start_position")
_pipes: Any = ministack.module("services.pipes", "_positions")

_QUEUE_BATCH, _STREAM_BATCH, _MOST_RECEIVED = 10, 100, 10
_starts: dict[tuple[str, str], str] = {}
"""Of Kinesis, by pipe and shard: the sequence number that was read last; empty for the beginning."""


@dataclass(frozen=True)
class Batch:
    """Events that a pipe has read together.

    Attributes:
        key: Names the queue or the shard.
        events: As targets get them.
        identities: What a function names an event by when it reports that it failed.
        ordered: Whether what follows an event waits until that is done.
        done: Takes the events at these places off the source; of a stream, the first so many.
    """

    key: str
    events: Sequence[dict[str, Any]]
    identities: Sequence[str]
    ordered: bool
    done: Callable[[Sequence[int]], None]


def session_of(pipe: Mapping[str, Any]) -> str:
    """Return the name of the session in which a pipe assumes its role."""
    return str(pipe["Name"])[:64]


def batches(pipe: Mapping[str, Any]) -> list[Batch]:
    """Return what there is to deliver: at most one batch of a queue and of each shard.

    Raises:
        botocore.exceptions.ClientError: the role may not read the source, or it does not exist.
    """
    read = {"sqs": _queue, "kinesis": _kinesis, "dynamodb": _dynamodb}.get(pipe["Source"].split(":")[2])
    return read(pipe) if read else []


def _parameters(pipe: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    parameters: Mapping[str, Any] = (pipe.get("SourceParameters") or {}).get(name) or {}
    return parameters


def _client(pipe: Mapping[str, Any], service: str) -> Any:
    return sessions.client(service, pipe["RoleArn"], session_of(pipe), pipe["Source"].split(":")[3])


def _queue(pipe: Mapping[str, Any]) -> list[Batch]:
    arn, sqs = pipe["Source"], _client(pipe, "sqs")
    region, url = arn.split(":")[3], sessions.queue_url(arn)
    size = int(_parameters(pipe, "SqsQueueParameters").get("BatchSize") or _QUEUE_BATCH)
    most = min(size, _MOST_RECEIVED)
    received = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=most, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
    ).get("Messages", [])

    def done(places: Sequence[int]) -> None:
        for place in places:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=received[place]["ReceiptHandle"])

    events = [
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                key: {
                    "stringValue": value.get("StringValue"),
                    "dataType": value["DataType"],
                }
                for key, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": arn,
            "awsRegion": region,
        }
        for message in received
    ]
    identities = [event["messageId"] for event in events]
    return [Batch(arn, events, identities, ordered=arn.endswith(".fifo"), done=done)] if events else []


def _kinesis(pipe: Mapping[str, Any]) -> list[Batch]:
    arn, kinesis = pipe["Source"], _client(pipe, "kinesis")
    parameters = _parameters(pipe, "KinesisStreamParameters")
    size = int(parameters.get("BatchSize") or _STREAM_BATCH)
    found = []
    for shard in kinesis.list_shards(StreamARN=arn)["Shards"]:
        name = shard["ShardId"]
        key = (pipe["Arn"], name)
        if key not in _starts:
            latest = parameters.get("StartingPosition", "LATEST") == "LATEST"
            _starts[key] = _last(kinesis, arn, name) if latest else ""
        kind = (
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": _starts[key]}
            if _starts[key]
            else {"ShardIteratorType": "TRIM_HORIZON"}
        )
        iterator = kinesis.get_shard_iterator(StreamARN=arn, ShardId=name, **kind)["ShardIterator"]
        records = kinesis.get_records(ShardIterator=iterator, Limit=size)["Records"]
        if records:
            found.append(_of_shard(key, arn, name, records))
    return found


def _last(kinesis: Any, arn: str, shard: str) -> str:
    """Return the sequence number of the newest record; empty when there is none."""
    iterator = kinesis.get_shard_iterator(StreamARN=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    return str(records[-1]["SequenceNumber"]) if records else ""


def _of_shard(key: tuple[str, str], arn: str, shard: str, records: Sequence[Mapping[str, Any]]) -> Batch:
    def done(places: Sequence[int]) -> None:
        if places:
            _starts[key] = records[max(places)]["SequenceNumber"]

    events = [
        {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard}:{record['SequenceNumber']}",
            "eventName": "aws:kinesis:record",
            "awsRegion": arn.split(":")[3],
            "eventSourceARN": arn,
        }
        for record in records
    ]
    return Batch(shard, events, [event["sequenceNumber"] for event in events], ordered=True, done=done)


def _dynamodb(pipe: Mapping[str, Any]) -> list[Batch]:
    arn, table = pipe["Source"], pipe["Source"].split("/")[1]
    if not evaluation.role_allows(pipe["RoleArn"], session_of(pipe), "dynamodb:GetRecords", arn):
        raise PermissionError(f"{pipe['RoleArn']} may not do dynamodb:GetRecords on {arn}")
    size = int(_parameters(pipe, "DynamoDBStreamParameters").get("BatchSize") or _STREAM_BATCH)
    position = max(int(_pipes._positions.get(pipe["Arn"], 0)), _ddb.stream_start_position(table))
    records = _ddb.stream_records_since(table, position, size)

    def done(places: Sequence[int]) -> None:
        if places:
            _pipes._positions[pipe["Arn"]] = position + max(places) + 1

    identities = [record["dynamodb"]["SequenceNumber"] for record in records]
    return [Batch(arn, records, identities, ordered=True, done=done)] if records else []
