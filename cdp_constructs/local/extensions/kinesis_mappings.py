"""Event source mappings of Kinesis streams: batches are bisected, retries end, partial failures are kept apart.

MiniStack's own poller repeats a failing batch for ever and ignores these settings. Shards are read one batch at a time,
whatever the parallelization factor says.
"""

import base64
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdp_constructs.local.extensions import _ministack
from cdp_constructs.local.extensions._sdk import client

__all__ = ["PRIVATE_NAMES", "install"]

PRIVATE_NAMES = (
    "ministack.services.kinesis:_streams",
    "ministack.services.lambda_svc:_ESM_BACKOFF_SECONDS",
    "ministack.services.lambda_svc:_apply_filter_criteria",
    "ministack.services.lambda_svc:_execute_function",
    "ministack.services.lambda_svc:_get_func_record_for_qualifier",
    "ministack.services.lambda_svc:_iter_all_esms",
    "ministack.services.lambda_svc:_kinesis_positions",
    "ministack.services.lambda_svc:_poll_kinesis",
)

_kinesis: Any = _ministack.module("services.kinesis")
_lambda: Any = _ministack.module("services.lambda_svc")
_responses: Any = _ministack.module("core.responses")

_FOREVER = -1  # MaximumRetryAttempts and MaximumRecordAgeInSeconds without a limit
_DEFAULT_BATCH_SIZE = 100


@dataclass
class _Progress:
    """How the batch at the current position of a shard fares."""

    size: int
    tries: int = 0
    not_before: float = 0


_progress: dict[tuple[str, str], _Progress] = {}
"""By the id of the mapping and the shard; absent while batches succeed."""


def _poll() -> bool:
    """Stands in for MiniStack's round over all mappings; tells whether any of them got on."""
    progressed = [
        _poll_shard(mapping, shard_id, shard["records"])
        for mapping, stream in _active()
        for shard_id, shard in list(stream["shards"].items())
    ]
    return any(progressed)


def _active() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give the mappings whose stream exists, each inside its account and Region."""
    for account, region, mapping in _lambda._iter_all_esms():
        arn = mapping.get("EventSourceArn", "")
        if not mapping.get("Enabled", True) or arn.split(":")[2:5] != ["kinesis", region, account]:
            continue
        with _responses.request_scope(account, region):
            stream = _kinesis._streams.get(arn.partition("/")[2])
            if stream and stream["StreamStatus"] == "ACTIVE":
                _begin(mapping, stream)
                yield mapping, stream


def _begin(mapping: Mapping[str, Any], stream: Mapping[str, Any]) -> None:
    if mapping["UUID"] not in _lambda._kinesis_positions:
        latest = mapping.get("StartingPosition", "LATEST") == "LATEST"
        starts = {shard_id: len(shard["records"]) if latest else 0 for shard_id, shard in stream["shards"].items()}
        _lambda._kinesis_positions[mapping["UUID"]] = starts


def _poll_shard(mapping: dict[str, Any], shard_id: str, stored: list[Any]) -> bool:
    function, _ = _lambda._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    key = (mapping["UUID"], shard_id)
    progress = _progress.get(key) or _Progress(int(mapping.get("BatchSize", _DEFAULT_BATCH_SIZE)))
    # A shard that came by splitting is read from its beginning.
    position = _lambda._kinesis_positions[mapping["UUID"]].get(shard_id, 0)
    chunk = stored[position : position + progress.size]
    if function is None or not chunk or progress.not_before > time.time():
        return False
    records = [_event(mapping, shard_id, record) for record in chunk]
    batch = _lambda._apply_filter_criteria(records, mapping)
    result = _lambda._execute_function(function, {"Records": batch}) if batch else {}
    done = len(records) if not result.get("error") else 0
    if batch and not result.get("error") and (failed := _first_failure(mapping, batch, result)) is not None:
        done = records.index(failed)
    if done == len(records):
        mapping["LastProcessingResult"] = f"OK - {len(batch)} records"
        _progress.pop(key, None)
    else:
        mapping["LastProcessingResult"] = "FAILED"
        if done:  # what follows is another batch, with tries of its own
            progress = _Progress(progress.size)
        _progress[key] = progress
        done += _fail(mapping, key, records[done:], function, result)
    _lambda._kinesis_positions[mapping["UUID"]][shard_id] = position + done
    return done > 0


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


def _first_failure(mapping: Mapping[str, Any], batch: list[Any], result: Mapping[str, Any]) -> Any | None:
    """Return the first record that the function reports as failed; AWS retries from there."""
    body = result.get("body")
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []) or not isinstance(body, dict):
        return None
    failed = {item.get("itemIdentifier") for item in body.get("batchItemFailures") or []}
    return next((record for record in batch if record["kinesis"]["sequenceNumber"] in failed), None)


def _fail(
    mapping: Mapping[str, Any], key: tuple[str, str], records: list[Any], function: Any, result: Mapping[str, Any]
) -> int:
    """Decide what becomes of the records that failed; return how many of them are given up."""
    progress = _progress[key]
    if mapping.get("BisectBatchOnFunctionError") and result.get("error") and len(records) > 1:
        progress.size = (len(records) + 1) // 2  # splitting does not count as a try
        return 0
    progress.tries += 1
    condition = _exhausted(mapping, progress, records)
    if condition:
        _send_failure(mapping, key[1], records, function, condition, progress.tries)
        _progress.pop(key)
        return len(records)
    progress.not_before = time.time() + _lambda._ESM_BACKOFF_SECONDS
    return 0


def _exhausted(mapping: Mapping[str, Any], progress: _Progress, records: list[Any]) -> str | None:
    retries = _limit(mapping, "MaximumRetryAttempts")
    if retries != _FOREVER and progress.tries > retries:
        return "RetryAttemptsExhausted"
    age = _limit(mapping, "MaximumRecordAgeInSeconds")
    oldest = float(records[0]["kinesis"]["approximateArrivalTimestamp"])
    return "MaxRecordAgeExceeded" if age > 0 and time.time() - oldest > age else None


def _limit(mapping: Mapping[str, Any], name: str) -> int:
    value = mapping.get(name)
    return _FOREVER if value is None else int(value)


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
        sqs = client("sqs")
        url = sqs.get_queue_url(QueueName=destination.rpartition(":")[2])["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(message))
    elif destination.startswith("arn:aws:sns:"):
        client("sns").publish(TopicArn=destination, Message=json.dumps(message))


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(float(seconds)))


def install() -> None:
    """Replace the round of MiniStack's poller over the mappings of Kinesis streams."""
    _lambda._poll_kinesis = _poll
