"""Decides about each uploaded object: what it says it is must be allowed, and its bytes must say the same.

The source is a queue of EventBridge events "Object Created" for keys ``incoming/<owner>/<upload_id>/<name>``. An object
that passes is moved to ``accepted/…`` and published; one that does not is moved to ``quarantine/…`` with the tag
``reason``, and one whose form was used before is deleted. Every step can be repeated: the object leaves ``incoming/``
last, so an event that is delivered again either finds it there and repeats what is missing, or finds it gone and has
nothing to do. A message may be published twice.
"""

import json
import os
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import from_json

from correlation import TRACEPARENT, about, attributes, correlated

from .environment import Environment
from .objects import Upload
from .rules import FIRST_BYTES, FORM_USED_AGAIN, RejectedError, check_content, check_description

logger = Logger()
metrics = Metrics()
metrics.set_default_dimensions(function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"])
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
sns = boto3.client("sns")
environment = Environment.read()


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Confirm a batch; only the records that could not be decided about are delivered again."""
    return process_partial_response(event=event, record_handler=confirm, processor=processor, context=context)


@correlated(logger)
def confirm(record: SQSRecord) -> None:
    """Accept or reject the object of one event."""
    event = from_json(record.body, allow_inf_nan=False)
    item = event["detail"]["object"]
    # The version that the event is about: a later upload with the same form has an event of its own.
    upload = Upload.find(event["detail"]["bucket"]["name"], item["key"], item.get("version-id"))
    if upload is None:
        logger.info("Already decided about, or expired", folder=item["key"].rpartition("/")[0])
        return
    with about(logger, upload.metadata.get(TRACEPARENT)):
        decide(upload, event["region"])


def decide(upload: Upload, region: str) -> None:
    """Accept or reject an object."""
    try:
        accepted = accept(upload)
    except RejectedError as rejection:
        reason = str(rejection)
        logger.warning("Rejected", folder=upload.folder, reason=reason, size=upload.size, type=upload.content_type)
        if reason != FORM_USED_AGAIN:
            upload.quarantine(environment.quarantine_prefix, reason)
        metrics.add_metric(name="RejectedUploads", unit=MetricUnit.Count, value=1)
    else:
        publish(upload, accepted, region)
        logger.info("Accepted", folder=upload.folder, size=upload.size, type=upload.content_type)
        metrics.add_metric(name="AcceptedUploads", unit=MetricUnit.Count, value=1)
    upload.delete()


def accept(upload: Upload) -> dict[str, Any]:
    """Check the object, copy it to where accepted ones are, and describe the copy.

    Raises:
        RejectedError: with the rule that the object breaks.
    """
    check_description(upload.key, upload.size, upload.content_type, environment)
    check_content(upload.content_type, upload.first_bytes(FIRST_BYTES), environment.text_encodings)
    accepted = upload.accept(environment.accepted_prefix)
    if accepted is None:
        raise RejectedError(FORM_USED_AGAIN)
    return accepted


def publish(upload: Upload, accepted: dict[str, Any], region: str) -> None:
    """Notify the consumers of an accepted object."""
    owner, upload_id, name = upload.key.split("/")[1:]
    message = {
        "upload_id": upload_id,
        "owner": owner,
        "bucket": accepted["Bucket"],
        "region": region,
        "key": accepted["Key"],
        "size": upload.size,
        "content_type": upload.content_type,
        "etag": accepted["etag"],
        "version_id": accepted["version_id"],
        "name": name,
        "metadata": {key: value for key, value in upload.metadata.items() if key != "source"},
        "accepted_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    named = {"owner": owner, "content_type": upload.content_type}
    sns.publish(
        TopicArn=environment.topic_arn,
        Message=json.dumps(message),
        MessageAttributes={
            **{name: {"DataType": "String", "StringValue": value} for name, value in named.items()},
            **attributes(upload.metadata.get(TRACEPARENT)),
        },
    )
