"""Makes a small WebP of every accepted image and publishes that it did.

The source is a queue of messages about accepted uploads: JSON with ``bucket``, ``key``, ``content_type``, ``size`` and
more, as DirectObjectUpload publishes them. The thumbnail of ``<folder>/<name>`` is ``<folder>/thumbnail/<pixels>.webp``
in the same bucket. Its message is the one about the upload with ``thumbnail`` added: ``key``, ``content_type``,
``size``, ``width`` and ``height``.

An image that cannot be read, or not within ``DECODING_SECONDS``, will not be readable the next time either, so it is
counted and gets no thumbnail; what failed around the image (S3, SNS) is retried. Every step can be repeated: the same
image gives the same object, which is written once, and a message may be published twice.
"""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from pydantic_core import from_json

from correlation import attributes, carried_by, correlated

from .decoding import Limits, shrink_within
from .images import Thumbnail, UnreadableImageError

logger = Logger()
metrics = Metrics()
metrics.set_default_dimensions(function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"])
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
s3 = boto3.client("s3")
sns = boto3.client("sns")

LIMITS = Limits(
    seconds=float(os.environ["DECODING_SECONDS"]),
    # The rest is for what is not the image: Python, boto3 and Powertools.
    megabytes=int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) - 128,
)
PIXELS = int(os.environ["PIXELS"])
TOPIC_ARN = os.environ["TOPIC_ARN"]
LARGEST_FILE = 50_000_000
GONE = {"404", "NoSuchKey"}


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Work on a batch; only the records around which something failed are delivered again."""
    return process_partial_response(event=event, record_handler=make_thumbnail, processor=processor, context=context)


@correlated(logger)
def make_thumbnail(record: SQSRecord) -> None:
    """Make, store and publish the thumbnail of one upload."""
    upload = from_json(record.body, allow_inf_nan=False)
    folder = upload["key"].rpartition("/")[0]
    try:
        thumbnail = shrink_within(LIMITS, read(upload), upload["content_type"], PIXELS)
    except UnreadableImageError as error:
        # The folder names owner and upload; the file's own name is the user's affair.
        logger.warning("No thumbnail", folder=folder, reason=str(error), error=error.detail)
        metrics.add_metric(name="UnreadableImages", unit=MetricUnit.Count, value=1)
        return
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
        logger.info("The image was deleted", folder=folder)
        return
    key = f"{folder}/thumbnail/{PIXELS}.webp"
    store(upload["bucket"], key, thumbnail)
    publish(upload, key, thumbnail, carried_by(record))
    logger.info("Thumbnail made", folder=folder, size=len(thumbnail.content))
    metrics.add_metric(name="MadeThumbnails", unit=MetricUnit.Count, value=1)


def read(upload: dict[str, Any]) -> bytes:
    """Return the image's bytes.

    Raises:
        UnreadableImageError: when the file is too large to be held in memory.
    """
    if int(upload["size"]) > LARGEST_FILE:
        raise UnreadableImageError("file-too-large")
    return s3.get_object(Bucket=upload["bucket"], Key=upload["key"])["Body"].read()


def store(bucket: str, key: str, thumbnail: Thumbnail) -> None:
    """Write the thumbnail unless an earlier try did."""
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=thumbnail.content, ContentType="image/webp", IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise


def publish(upload: dict[str, Any], key: str, thumbnail: Thumbnail, traceparent: str | None) -> None:
    """Publish the message about the upload again, with its thumbnail."""
    described = {
        "key": key,
        "content_type": "image/webp",
        "size": len(thumbnail.content),
        "width": thumbnail.width,
        "height": thumbnail.height,
    }
    named = {"owner": upload["owner"], "content_type": upload["content_type"]}
    sns.publish(
        TopicArn=TOPIC_ARN,
        # 1e999 is read as infinity, which is no JSON: such a message fails.
        Message=json.dumps({**upload, "thumbnail": described}, allow_nan=False),
        MessageAttributes={
            **{name: {"DataType": "String", "StringValue": value} for name, value in named.items()},
            **attributes(traceparent),
        },
    )
