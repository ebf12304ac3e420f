"""Decides about each uploaded object: what it says it is must be allowed, and its bytes must say the same.

The source is a queue of EventBridge events "Object Created" for keys ``incoming/<owner>/<upload_id>/<name>``. An object
that passes is moved to ``accepted/…`` and published; one that does not is moved to ``quarantine/…`` with the tag
``reason``. Every step can be repeated: the object leaves ``incoming/`` last, so an event that comes again either finds
it there and repeats what is missing, or finds it gone and has nothing to do. Consumers may hear of an object twice.
"""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import ClientError

logger = Logger()
tracer = Tracer()
processor = BatchProcessor(event_type=EventType.SQS)
# Copying gigabytes is one call that answers when it is done.
s3 = boto3.client("s3", config=Config(read_timeout=110, retries={"total_max_attempts": 2}))
sns = boto3.client("sns")

# By content type: "text", or alternatives of which one must match; all conditions of an alternative must hold.
SIGNATURES: dict[str, Any] = json.loads((Path(__file__).parent / "signatures.json").read_text())
# Enough for the first entry names of a zip file.
FIRST_BYTES = 64 * 1024
# What CopyObject moves in one call.
LARGEST_COPY = 5 * 1024**3
GONE = {"404", "NoSuchKey", "NoSuchVersion"}
KEY_PARTS = 4
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class RejectedError(Exception):
    """The object breaks a rule; the message becomes its tag."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Confirm a batch; only the records that could not be decided about are delivered again."""
    return process_partial_response(event=event, record_handler=confirm, processor=processor, context=context)


def confirm(record: SQSRecord) -> None:
    """Accept or reject the object of one event."""
    event = json.loads(record.body)
    bucket, item = event["detail"]["bucket"]["name"], event["detail"]["object"]
    key = item["key"]
    # The version that the event is about: a later upload with the same form has an event of its own.
    source: dict[str, Any] = {"Bucket": bucket, "Key": key}
    if item.get("version-id"):
        source["VersionId"] = item["version-id"]
    try:
        head: Any = s3.head_object(**source)
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
        logger.info("Already decided about, or expired", key=key)
        return
    identity = source.get("VersionId", head["ETag"])
    try:
        check(source, head)
        target = accept(source, head, identity)
    except RejectedError as rejection:
        reject(source, head, str(rejection))
        count("RejectedUploads", reason=str(rejection))
    else:
        publish(event, head, target)
        count("AcceptedUploads")
    s3.delete_object(**source)


def check(source: dict[str, Any], head: Any) -> None:
    """Check key, size and content type, the last from the bytes.

    Raises:
        RejectedError: with the rule that the object breaks.
    """
    size, content_type = head["ContentLength"], head["ContentType"]
    if len(source["Key"].split("/")) != KEY_PARTS:
        raise RejectedError("unknown-key")
    if not 0 < size <= int(os.environ["MAX_BYTES"]):
        raise RejectedError("size")
    if content_type not in json.loads(os.environ["CONTENT_TYPES"]):
        raise RejectedError("content-type")
    last = min(size, FIRST_BYTES) - 1
    first_bytes = s3.get_object(**source, Range=f"bytes=0-{last}")["Body"].read()
    if not looks_like(content_type, first_bytes):
        raise RejectedError("content-differs-from-type")


def looks_like(content_type: str, first_bytes: bytes) -> bool:
    """Tell whether a file of this content type could begin like that; False for a type without a signature."""
    signature = SIGNATURES.get(content_type, [])
    if signature == "text":
        return is_text(first_bytes)
    return any(all(_holds(condition, first_bytes) for condition in alternative) for alternative in signature)


def _holds(condition: dict[str, Any], first_bytes: bytes) -> bool:
    if "contains" in condition:
        return condition["contains"].encode() in first_bytes
    return first_bytes.startswith(bytes.fromhex(condition["hex"]), condition["offset"])


def is_text(first_bytes: bytes) -> bool:
    """Tell whether the bytes are UTF-8 without control characters; the last character may be cut off."""
    try:
        text = first_bytes.decode()
    except UnicodeDecodeError as error:
        cut_off = error.reason == "unexpected end of data" and len(first_bytes) == FIRST_BYTES
        if not cut_off:
            return False
        text = first_bytes[: error.start].decode()
    return CONTROL_CHARACTERS.search(text) is None


def accept(source: dict[str, Any], head: Any, identity: str) -> dict[str, Any]:
    """Copy the object to ``accepted/`` unless an earlier try did, and return the head of the copy.

    Raises:
        RejectedError: when the same form was used for another file before.
    """
    target = _target(source, "accepted")
    try:
        existing: Any = s3.head_object(**target)
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
        _copy(source, target, head, {**head["Metadata"], "source": identity})
        existing = s3.head_object(**target)
    if existing["Metadata"].get("source") != identity:
        raise RejectedError("form-used-again")
    return {**target, "version_id": existing.get("VersionId"), "etag": existing["ETag"].strip('"')}


def reject(source: dict[str, Any], head: Any, reason: str) -> None:
    """Copy the object to ``quarantine/``; one that is too large for a copy is not kept."""
    logger.warning("Rejected", key=source["Key"], reason=reason, size=head["ContentLength"], type=head["ContentType"])
    if head["ContentLength"] <= LARGEST_COPY:
        _copy(source, _target(source, "quarantine"), head, head["Metadata"], reason=reason)


def publish(event: dict[str, Any], head: Any, target: dict[str, Any]) -> None:
    """Tell the consumers about an accepted object."""
    _, owner, upload_id, name = target["Key"].split("/")
    message = {
        "upload_id": upload_id,
        "owner": owner,
        "bucket": target["Bucket"],
        "region": event["region"],
        "key": target["Key"],
        "size": head["ContentLength"],
        "content_type": head["ContentType"],
        "etag": target["etag"],
        "version_id": target["version_id"],
        "name": name,
        "metadata": {key: value for key, value in head["Metadata"].items() if key != "source"},
        "accepted_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    attributes = {"owner": owner, "content_type": head["ContentType"]}
    sns.publish(
        TopicArn=os.environ["ACCEPTED_TOPIC"],
        Message=json.dumps(message),
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    )


def count(name: str, **details: str) -> None:
    """Count one upload in CloudWatch, under this function's name."""
    function = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    with single_metric(name=name, unit=MetricUnit.Count, value=1, namespace="CdpConstructs") as metric:
        metric.add_dimension("function_name", function)
        for key, value in details.items():
            metric.add_metadata(key, value)


def _target(source: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {"Bucket": source["Bucket"], "Key": f"{prefix}/{source['Key'].partition('/')[2]}"}


def _copy(source: Any, target: dict[str, Any], head: Any, metadata: dict[str, str], *, reason: str = "") -> None:
    # Forms cannot set tags, so there are none to be copied, and accepting needs no permission for any.
    tags: dict[str, Any] = {"TaggingDirective": "REPLACE", "Tagging": f"reason={reason}"} if reason else {}
    s3.copy_object(
        **target,
        **tags,
        CopySource=source,
        # In a bucket without versions the object may have been replaced since it was checked.
        CopySourceIfMatch=head["ETag"],
        MetadataDirective="REPLACE",
        ContentType=head["ContentType"],
        Metadata=metadata,
    )
