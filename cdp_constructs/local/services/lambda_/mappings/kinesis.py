"""Event source mappings of Kinesis streams: bisection, limits of retries and age, partial failures.

MiniStack's own poller retries a failing batch without end and ignores these settings.
"""

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.sdk import client
from cdp_constructs.local.services.iam import sessions
from cdp_constructs.local.services.lambda_.mappings import batches

_kinesis: Any = ministack.module("services.kinesis", "_streams")
_lambda: Any = ministack.module("services.lambda_svc", "_kinesis_positions")
_responses: Any = ministack.module("core.responses")


def _shards() -> Iterator[batches.Shard]:
    """Yield the shards of the existing streams, each in the scope of its account and Region."""
    for mapping, arn in batches.mappings_of("kinesis"):
        stream = _kinesis._streams.get(arn.partition("/")[2])
        if stream and stream["StreamStatus"] == "ACTIVE":
            _begin(mapping, stream)
            for name, shard in list(stream["shards"].items()):
                yield _shard(mapping, name, shard["records"])


def _begin(mapping: Mapping[str, Any], stream: Mapping[str, Any]) -> None:
    if mapping["UUID"] not in _lambda._kinesis_positions:
        latest = mapping.get("StartingPosition", "LATEST") == "LATEST"
        starts = {shard_id: len(shard["records"]) if latest else 0 for shard_id, shard in stream["shards"].items()}
        _lambda._kinesis_positions[mapping["UUID"]] = starts


def _shard(mapping: dict[str, Any], name: str, stored: list[Any]) -> batches.Shard:
    positions = _lambda._kinesis_positions[mapping["UUID"]]
    position = 0

    def read(limit: int) -> list[Any]:
        nonlocal position
        # A shard that came by splitting is read from its beginning.
        position = positions.get(name, 0)
        return [_event(mapping, name, record) for record in stored[position : position + limit]]

    def advance(count: int) -> None:
        positions[name] = position + count

    def give_up(records: list[Any], function: Any, _result: Mapping[str, Any], condition: str, tries: int) -> None:
        _send_failure(mapping, name, records, function, condition, tries)

    return batches.Shard(
        mapping,
        name,
        read,
        advance,
        sequence_number=lambda record: record["kinesis"]["sequenceNumber"],
        created=lambda record: float(record["kinesis"]["approximateArrivalTimestamp"]),
        give_up=give_up,
    )


def _event(mapping: Mapping[str, Any], shard_id: str, record: Mapping[str, Any]) -> dict[str, Any]:
    data = record["Data"]
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": data if isinstance(data, str) else base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "awsRegion": _responses.get_region(),
        "eventSourceARN": mapping["EventSourceArn"],
    }


def _send_failure(
    mapping: Mapping[str, Any], shard_id: str, records: list[Any], function: Any, condition: str, tries: int
) -> None:
    destination = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination", "")
    first, last = records[0]["kinesis"], records[-1]["kinesis"]
    message = {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": (function.get("config") or function).get("FunctionArn", ""),
            "condition": condition,
            "approximateInvokeCount": tries,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": _iso(time.time()),
        "KinesisBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": first["sequenceNumber"],
            "endSequenceNumber": last["sequenceNumber"],
            "approximateArrivalOfFirstRecord": _iso(first["approximateArrivalTimestamp"]),
            "approximateArrivalOfLastRecord": _iso(last["approximateArrivalTimestamp"]),
            "batchSize": len(records),
            "streamArn": mapping["EventSourceArn"],
        },
    }
    if destination.startswith("arn:aws:sqs:"):
        client("sqs").send_message(QueueUrl=sessions.queue_url(destination), MessageBody=json.dumps(message))
    elif destination.startswith("arn:aws:sns:"):
        client("sns").publish(TopicArn=destination, Message=json.dumps(message))


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(float(seconds)))


@patch("ministack.services.lambda_svc:_poll_kinesis")
def _poll(_original: Callable[[], None]) -> None:
    batches.poll(_shards())
