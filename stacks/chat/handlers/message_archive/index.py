"""Keeps every message as an object of its own: ``rooms/<room>/<yyyy>/<mm>/<dd>/<region>-<sequence>.json``."""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

logger = Logger()
tracer = Tracer()
processor = BatchProcessor(event_type=EventType.SQS)
s3 = boto3.client("s3")


def archive(record: SQSRecord) -> None:
    """Write one message, unless it has been written before."""
    message = json.loads(record.body)["message"]
    try:
        s3.put_object(
            Bucket=os.environ["BUCKET_NAME"],
            Key=key_of(message),
            Body=json.dumps(message, ensure_ascii=False).encode(),
            ContentType="application/json",
            IfNoneMatch="*",
        )
    except ClientError as error:
        # Delivered a second time. What is archived is never written over.
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise
        logger.info("archived before", id=message["id"])


def key_of(message: dict[str, Any]) -> str:
    """Return where a message is kept. Region and sequence name it for ever."""
    day = str(message["posted_at"])[:10].replace("-", "/")
    return f"rooms/{message['room']}/{day}/{message['region']}-{int(message['sequence']):012}.json"


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Archive a batch of the queue; only what failed is delivered again."""
    return process_partial_response(event=event, record_handler=archive, processor=processor, context=context)
