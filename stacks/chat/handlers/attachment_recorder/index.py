"""Records an accepted upload as an attachment of its room, in the Region whose bucket holds it."""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
tracer = Tracer()
processor = BatchProcessor(event_type=EventType.SQS)
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def record_attachment(record: SQSRecord) -> None:
    """Record one upload. The same upload gives the same item, so a second delivery changes nothing."""
    upload = json.loads(record.body)
    table.put_item(
        Item={
            "pk": f"ROOM#{upload['metadata']['room']}",
            "sk": f"ATTACHMENT#{upload['upload_id']}",
            # Not "user": the index of memberships is made of items that have it.
            "owner": upload["owner"],
            "region": upload["region"],
            "key": upload["key"],
            "name": upload["name"],
            "content_type": upload["content_type"],
            "size": int(upload["size"]),
            "accepted_at": upload["accepted_at"],
        }
    )


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Record a batch of the queue; only what failed is delivered again."""
    return process_partial_response(event=event, record_handler=record_attachment, processor=processor, context=context)
