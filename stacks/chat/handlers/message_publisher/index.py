"""Publishes every message that reaches this Region's table, whichever Region accepted it, to this Region's topic.

The stream of a replica carries what was written here and what was replicated to here, so one publisher per Region
serves all consumers of the Region. Consumers may see a message twice, and not in order: its ``id`` tells the first, its
``clock``, ``region`` and ``sequence`` the second.
"""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
tracer = Tracer()
processor = BatchProcessor(event_type=EventType.DynamoDBStreams)
sns = boto3.client("sns")

FIELDS = (
    "id",
    "room",
    "author",
    "client_message_id",
    "text",
    "attachments",
    "posted_at",
    "region",
    "sequence",
    "clock",
)


def publish(record: DynamoDBRecord) -> None:
    """Publish one new message with what consumers filter by."""
    image = (record.dynamodb and record.dynamodb.new_image) or {}
    message = {field: image[field] for field in FIELDS}
    attributes = {"kind": "message", "room": message["room"], "region": message["region"]}
    sns.publish(
        TopicArn=os.environ["TOPIC_ARN"],
        # DynamoDB's numbers are decimals; sequence and clock are whole.
        Message=json.dumps(message, default=int),
        MessageAttributes={
            name: {"DataType": "String", "StringValue": str(value)} for name, value in attributes.items()
        },
    )


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Publish a batch of the stream; Lambda tries again from the first record that failed."""
    return process_partial_response(event=event, record_handler=publish, processor=processor, context=context)
