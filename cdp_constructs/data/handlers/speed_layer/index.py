"""Keeps each thing's latest state and one-minute windows from a Kinesis stream, and says when a threshold is crossed.

What cannot be read goes to the error queue at once, and so does a record on which the work itself fails; those behind
it go on. When a service does not answer, the batch is tried again from the first record that it met. What takes the
whole function down is isolated by Lambda, which halves the batch. See ``telemetry.py`` for what a record is.
"""

import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .store import LATEST, ChangedMeanwhileError, Store, window_key
from .telemetry import Reading, Threshold, UnreadableRecordError, fold_latest, fold_window, read

logger = Logger()
tracer = Tracer()

WORKERS = 8
# Together these end well before the function does, whatever does not answer.
CALLS = Config(
    connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=16
)
store = Store(boto3.resource("dynamodb", config=CALLS).meta.client, os.environ["SPEED_TABLE"])
sns = boto3.client("sns", config=CALLS)
sqs = boto3.client("sqs", config=CALLS)
MEASURES: tuple[str, ...] = tuple(json.loads(os.environ["MEASURES"]))
THRESHOLDS = tuple(Threshold(**threshold) for threshold in json.loads(os.environ["THRESHOLDS"]))
RETENTION_MS = int(os.environ["WINDOW_RETENTION_S"]) * 1000
TRIES = 5
# In base64 this fits into a message of 1 MiB; the stream has the rest for as long as it keeps records.
MOST_DATA = 700_000
# What DynamoDB says of an item that it will never take, such as one of more than 400 KB.
HOPELESS = {"ValidationException"}


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Work on a batch; Lambda tries again from the first record that is returned."""
    del context
    by_thing: dict[str, list[Reading]] = {}
    failed: list[str] = []
    records = {record["kinesis"]["sequenceNumber"]: record for record in event["Records"]}
    for number, record in records.items():
        try:
            reading = read(record, MEASURES)
        except UnreadableRecordError as error:
            if not _set_aside(record, str(error)):
                failed.append(number)
        else:
            by_thing.setdefault(reading.thing, []).append(reading)
    with ThreadPoolExecutor(WORKERS) as pool:
        for failed_here in pool.map(lambda readings: _work(readings, records), by_thing.values()):
            failed += failed_here
    return {"batchItemFailures": [{"itemIdentifier": number} for number in sorted(failed, key=int)[:1]]}


def _work(readings: list[Reading], records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Work on one thing's readings; return the sequence number from which on to try again, if any."""
    try:
        _record(readings)
    except Exception as error:
        first = readings[0]
        if _may_pass(error):
            logger.exception("Not recorded; tried again", thing=first.thing)
            return [first.sequence_number]
        if len(readings) > 1:
            # One of them is at fault; one by one only that one is set aside.
            return next((failed for reading in readings if (failed := _work([reading], records))), [])
        reason = f"{type(error).__name__}: {error}"
        return [] if _set_aside(records[first.sequence_number], reason) else [first.sequence_number]
    return []


def _record(readings: list[Reading]) -> None:
    """Fold readings of one thing into its state, and publish the alerts that this makes."""
    for _ in range(TRIES):
        try:
            _fold(readings)
        except ChangedMeanwhileError:
            continue
        return
    raise TimeoutError(f"{readings[0].thing} is written by others all the time")


def _fold(readings: list[Reading]) -> None:
    thing = readings[0].thing
    # A window that would have expired by now is not begun anew: it would be there in part only.
    kept = [reading for reading in readings if reading.window_ms + RETENTION_MS > reading.arrived_ms]
    if len(kept) < len(readings):
        _count("TooLateRecords", len(readings) - len(kept), thing=thing)
    states = store.read(thing, [LATEST, *dict.fromkeys(window_key(reading.window_ms) for reading in kept)])
    changed: dict[str, int] = {}
    for reading in kept:
        if fold_window(states[window_key(reading.window_ms)], reading, MEASURES):
            changed[window_key(reading.window_ms)] = (reading.window_ms + RETENTION_MS) // 1000
        else:
            _count("DuplicateRecords", 1, thing=thing)
    for key, expires_at in changed.items():
        store.write(thing, key, states[key], expires_at=expires_at)
    latest = states[LATEST]
    if any([fold_latest(latest, reading, THRESHOLDS) for reading in readings]):  # noqa: C419 - every one is folded
        store.write(thing, LATEST, latest)
    if latest.get("outbox"):
        # Written down before they are published: whatever happens in between, the next try finds and publishes them.
        _publish(latest["outbox"])
        store.write(thing, LATEST, latest | {"outbox": []})


def _publish(alerts: Iterable[Mapping[str, Any]]) -> None:
    for alert in alerts:
        attributes: dict[str, Any] = {
            name: {"DataType": "String", "StringValue": alert[name]}
            for name in ("threshold", "state", "thing", "context")
            if alert[name]
        }
        sns.publish(TopicArn=os.environ["ALERT_TOPIC"], Message=json.dumps(alert), MessageAttributes=attributes)
        logger.info("Alert", **alert)


def _may_pass(error: Exception) -> bool:
    """Whether the same work may succeed later."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] not in HOPELESS
    return isinstance(error, BotoCoreError | TimeoutError)


def _set_aside(record: Mapping[str, Any], reason: str) -> bool:
    """Put a record into the error queue; return whether it is there."""
    kinesis = record["kinesis"]
    message = {
        "reason": reason[:1000],
        "event_id": record["eventID"],
        "stream": record["eventSourceARN"],
        "partition_key": kinesis["partitionKey"],
        "arrived": kinesis["approximateArrivalTimestamp"],
        "data": kinesis["data"][:MOST_DATA],
        "complete": len(kinesis["data"]) <= MOST_DATA,
    }
    try:
        sqs.send_message(QueueUrl=os.environ["ERROR_QUEUE"], MessageBody=json.dumps(message))
    except (BotoCoreError, ClientError):
        logger.exception("The error queue takes nothing", event_id=record["eventID"])
        return False
    logger.warning("Set aside", reason=reason, event_id=record["eventID"])
    _count("UnreadableRecords", 1, reason=reason[:200])
    return True


def _count(name: str, value: int, **about: str) -> None:
    with single_metric(name=name, unit=MetricUnit.Count, value=value, namespace="CdpConstructs") as metric:
        metric.add_dimension(name="function_name", value=os.environ["AWS_LAMBDA_FUNCTION_NAME"])
        for key, text in about.items():
            metric.add_metadata(key=key, value=text)
