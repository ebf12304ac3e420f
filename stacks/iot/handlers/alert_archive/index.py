"""Stores every alert as an object: ``<prefix><yyyy>/<mm>/<dd>/<thing>/<threshold>/<at>/<state>.json``."""

import json
import os
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from pydantic_core import from_json

from correlation import correlated

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
s3 = boto3.client("s3")
BUCKET_NAME, KEY_PREFIX = os.environ["BUCKET_NAME"], os.environ["KEY_PREFIX"]


@correlated(logger)
def archive(record: SQSRecord) -> None:
    """Store one alert, unless it has been stored before."""
    alert = from_json(record.body, allow_inf_nan=False)
    try:
        s3.put_object(
            Bucket=BUCKET_NAME,
            Key=key_of(alert),
            # 1e999 is read as infinity, which is no JSON: such an alert fails.
            Body=json.dumps(alert, ensure_ascii=False, allow_nan=False).encode(),
            ContentType="application/json",
            IfNoneMatch="*",
        )
    except ClientError as error:
        # Delivered again; objects are never overwritten.
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise
        logger.info("Alert was archived before", alert_id=alert["alert_id"])
        return
    logger.info("Alert archived", alert_id=alert["alert_id"])


def key_of(alert: dict[str, Any]) -> str:
    """Return the key of an alert; its id is thing, threshold, time and state."""
    day = datetime.fromtimestamp(alert["at"] / 1000, UTC)
    return f"{KEY_PREFIX}{day:%Y/%m/%d}/{alert['alert_id']}.json"


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Archive a batch of the queue; only what failed is delivered again."""
    return process_partial_response(event=event, record_handler=archive, processor=processor, context=context)
