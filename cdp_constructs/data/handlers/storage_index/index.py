"""Keeps an index of a bucket's objects in DynamoDB: by S3's events, and by a scheduled comparison of both.

One item per object, ``object`` = ``<bucket>/<key>``. A living object has ``bucket key owner day modified_at size etag
content_type metadata version_id``; a deleted one has ``deleted_at`` and ``expires_at`` and is in no secondary index.
``sequencer`` is that of the newest event that was recorded.

An event says that something happened to a key; what is recorded is the object's state when the event is worked on,
which is at least as new. So the event with the highest sequencer always leaves the final state, whichever order they
come in, and an older event is dropped by the condition on ``sequencer``. A deleted object leaves an item for longer
than any event can be under way, so a late event cannot bring the object back.
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.conditions import Attr, ConditionBase
from botocore.config import Config
from botocore.exceptions import ClientError

logger = Logger()
tracer = Tracer()
processor = BatchProcessor(event_type=EventType.SQS)

PARALLEL_REQUESTS = 16
s3 = boto3.client("s3", config=Config(max_pool_connections=PARALLEL_REQUESTS))
database = boto3.resource("dynamodb", config=Config(max_pool_connections=PARALLEL_REQUESTS))

# Sequencers of one key compare as strings once the shorter ones are filled up with zeros on the right.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
SEQUENCER_LENGTH = 64
BEFORE_ALL = "0" * SEQUENCER_LENGTH
# EventBridge tries for a day, and a queue and its dead-letter queue keep an event for 14 days together.
DELETED_FOR = timedelta(days=16)
STOP_BEFORE_MS = 60_000
BATCH_GET = 100

# What differs or may differ, by key with the item as it was seen; how many were compared; where the next page begins.
Page = tuple[dict[str, dict[str, Any] | None], int, dict[str, str]]


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Record a batch of events, or reconcile: ``{"grace_seconds": 900}``."""
    if "Records" in event:
        return process_partial_response(event=event, record_handler=record_event, processor=processor, context=context)
    return reconcile(event["grace_seconds"], context)


def record_event(record: SQSRecord) -> None:
    """Record what is known about the object of one event, unless a newer event was recorded."""
    detail = json.loads(record.body)["detail"]
    sequencer = detail["object"]["sequencer"].upper()
    if len(sequencer) > SEQUENCER_LENGTH:
        raise ValueError(f"sequencer {sequencer} is longer than {SEQUENCER_LENGTH} digits")
    sequencer = sequencer.ljust(SEQUENCER_LENGTH, "0")
    newer = Attr("sequencer").not_exists() | Attr("sequencer").lt(sequencer)
    if not put(read_object(detail["object"]["key"]), sequencer, newer):
        logger.info("A newer event was recorded", key=detail["object"]["key"])


def read_object(key: str) -> dict[str, Any]:
    """Return the item of an object as S3 has it now."""
    bucket = os.environ["BUCKET"]
    item: dict[str, Any] = {"object": f"{bucket}/{key}", "bucket": bucket, "key": key}
    try:
        head = s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchKey"}:
            raise
        now = datetime.now(UTC)
        return item | {"deleted_at": _text(now), "expires_at": int((now + DELETED_FOR).timestamp())}
    modified_at = _text(head["LastModified"])
    owner, _, rest = key.removeprefix(os.environ["PREFIX"]).partition("/")
    item |= {
        "day": modified_at[:10],
        "modified_at": modified_at,
        "size": head["ContentLength"],
        "etag": head["ETag"].strip('"'),
        "content_type": head["ContentType"],
        "metadata": head["Metadata"],
    }
    if rest:
        item["owner"] = owner
    if head.get("VersionId"):
        item["version_id"] = head["VersionId"]
    return item


def put(item: dict[str, Any], sequencer: str, condition: ConditionBase) -> bool:
    """Write an item if the condition holds, and tell whether it did."""
    try:
        _table().put_item(Item={**item, "sequencer": sequencer}, ConditionExpression=condition)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


def reconcile(grace_seconds: int, context: LambdaContext) -> dict[str, int | bool]:
    """Compare objects with items and items with objects, and repair what differs, until the time is used up.

    A run begins where the one before it had to stop.

    Args:
        grace_seconds: Objects that changed within this time are left to their events.
        context: Knows how much time remains.
    """
    settled_before = _text(datetime.now(UTC) - timedelta(seconds=grace_seconds))
    place = {"object": f"reconciliation of {os.environ['BUCKET']}/{os.environ['PREFIX']}"}
    cursor: dict[str, Any] = _table().get_item(Key=place).get("Item") or {"phase": "objects", "after": ""}
    compared = repaired = 0
    with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
        while cursor["phase"] != "done" and context.get_remaining_time_in_millis() > STOP_BEFORE_MS:
            page = _changed_objects if cursor["phase"] == "objects" else _living_items
            seen, count, cursor = page(cursor["after"])
            repaired += sum(pool.map(_repair, seen.keys(), seen.values(), repeat(settled_before)))
            compared += count
    finished = cursor["phase"] == "done"
    if finished:
        _table().delete_item(Key=place)
    else:
        _table().put_item(Item=place | cursor)
    for name, value in (("ComparedObjects", compared), ("RepairedObjects", repaired)):
        with single_metric(name=name, unit=MetricUnit.Count, value=value, namespace="CdpConstructs") as metric:
            metric.add_dimension("function_name", context.function_name)
    logger.info("Reconciled", compared=compared, repaired=repaired, finished=finished)
    return {"compared": compared, "repaired": repaired, "finished": finished}


def _changed_objects(after: str) -> Page:
    """Return a page of objects of the bucket whose items differ, with those items."""
    bucket, prefix = os.environ["BUCKET"], os.environ["PREFIX"]
    answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, StartAfter=after)
    objects = answer.get("Contents", [])
    items = _items([f"{bucket}/{item['Key']}" for item in objects])
    seen = {item["Key"]: items.get(f"{bucket}/{item['Key']}") for item in objects}
    changed = {
        item["Key"]: seen[item["Key"]]
        for item in objects
        if _state(seen[item["Key"]]) != (item["ETag"].strip('"'), _text(item["LastModified"]))
    }
    if answer["IsTruncated"]:
        return changed, len(objects), {"phase": "objects", "after": objects[-1]["Key"]}
    return changed, len(objects), {"phase": "items", "after": ""}


def _living_items(after: str) -> Page:
    """Return a page of items that say that their object exists."""
    bucket, prefix = os.environ["BUCKET"], os.environ["PREFIX"]
    living: ConditionBase = Attr("bucket").eq(bucket) & Attr("deleted_at").not_exists()
    if prefix:
        living &= Attr("key").begins_with(prefix)
    request: dict[str, Any] = {"FilterExpression": living, "ConsistentRead": True}
    if after:
        request["ExclusiveStartKey"] = {"object": after}
    answer = _table().scan(**request)
    items = {item["key"]: item for item in answer["Items"]}
    last = answer.get("LastEvaluatedKey")
    return items, len(items), {"phase": "items", "after": last["object"]} if last else {"phase": "done"}


def _items(names: list[str]) -> dict[str, dict[str, Any]]:
    """Return the items of many objects."""
    table = os.environ["TABLE_NAME"]
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(names), BATCH_GET):
        keys = [{"object": name} for name in names[start : start + BATCH_GET]]
        request: Any = {table: {"Keys": keys, "ConsistentRead": True}}
        while request:
            answer: Any = database.batch_get_item(RequestItems=request)
            found.update({item["object"]: item for item in answer["Responses"][table]})
            request = answer["UnprocessedKeys"]
    return found


def _repair(key: str, seen: dict[str, Any] | None, settled_before: str) -> bool:
    """Write the object's state unless the item says so already or has changed meanwhile; tell whether it was written.

    The sequencer stays: the next event about the object is newer than what was lost.
    """
    item = read_object(key)
    unsettled = item.get("modified_at", "") >= settled_before
    if unsettled or _state(item) == _state(seen):
        return False
    if seen is None:
        repaired = put(item, BEFORE_ALL, Attr("object").not_exists())
    else:
        repaired = put(item, seen["sequencer"], Attr("sequencer").eq(seen["sequencer"]))
    if repaired:
        logger.warning("Repaired", key=key, was=_state(seen), now=_state(item))
    return repaired


def _state(item: dict[str, Any] | None) -> tuple[str, str] | None:
    """Return what tells two states of an object apart; None when there is no object."""
    return (item["etag"], item["modified_at"]) if item and "etag" in item else None


def _table() -> Any:
    return database.Table(os.environ["TABLE_NAME"])


def _text(moment: datetime) -> str:
    # Whole seconds, as S3 has them: a listing and a head of the same object give the same text.
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
