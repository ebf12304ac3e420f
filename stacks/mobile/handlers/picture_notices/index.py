"""Notifies owners of pictures that have a thumbnail.

Whether, where and how often somebody is really notified is decided behind the queue. A picture that is announced twice
has the same ``notice_id``, and is sent once.
"""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, Field

from correlation import attributes, carried_by, correlated

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
sqs = boto3.client("sqs")
QUEUE = os.environ["NOTICES_QUEUE"]
WEB_ADDRESS = os.environ["WEB_ADDRESS"]


class Picture(BaseModel):
    """What a message about a picture says, as far as it is read here."""

    owner: str = Field(min_length=1, max_length=128)
    upload_id: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Work on a batch; only what failed is delivered again."""
    return process_partial_response(event=event, record_handler=notify, processor=processor, context=context)


@correlated(logger)
def notify(record: SQSRecord) -> None:
    """Send one notice."""
    picture = Picture.model_validate_json(record.body)
    notice = {
        "notice_id": picture.upload_id,
        "user": picture.owner,
        "topic": "pictures",
        "title": "Your picture is ready",
        "body": "It can be seen on all of your devices now.",
        "link": f"{WEB_ADDRESS}/pictures/{picture.upload_id}",
    }
    sqs.send_message(QueueUrl=QUEUE, MessageBody=json.dumps(notice), MessageAttributes=attributes(carried_by(record)))
    logger.info("Owner is notified", upload_id=picture.upload_id)
