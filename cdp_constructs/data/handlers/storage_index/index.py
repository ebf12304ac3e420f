"""Keeps an index of a bucket's objects in DynamoDB by S3's events.

An event says that something happened to a key; what is recorded is the object's state when the event is worked on,
which is at least as new. So the event with the highest sequencer always leaves the final state, whichever order they
come in, and an older event is dropped by the condition on ``sequencer``. A deleted object leaves an item for longer
than any event can be under way, so a late event cannot bring the object back.
"""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.conditions import Attr
from pydantic_core import from_json

from correlation import TRACEPARENT, about, correlated

from .environment import Environment
from .items import Items
from .objects import Objects

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

environment = Environment.read()
objects = Objects(boto3.client("s3"), environment.bucket, environment.prefix, environment.owner_metadata)
items = Items(boto3.resource("dynamodb"), environment.table_name)

# Sequencers of one key compare as strings once the shorter ones are filled up with zeros on the right.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
SEQUENCER_LENGTH = 64


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Record a batch of events; those that fail are delivered again."""
    return process_partial_response(event=event, record_handler=record_event, processor=processor, context=context)


@correlated(logger)
def record_event(record: SQSRecord) -> None:
    """Record what is known about the object of one event, unless a newer event was recorded."""
    detail = from_json(record.body, allow_inf_nan=False)["detail"]
    sequencer = detail["object"]["sequencer"].upper()
    if len(sequencer) > SEQUENCER_LENGTH:
        raise ValueError(f"sequencer {sequencer} is longer than {SEQUENCER_LENGTH} digits")
    sequencer = sequencer.ljust(SEQUENCER_LENGTH, "0")
    newer = Attr("sequencer").not_exists() | Attr("sequencer").lt(sequencer)
    item = objects.read(detail["object"]["key"])
    # User metadata of the object, where whoever uploaded it has put one.
    with about(logger, item.get("metadata", {}).get(TRACEPARENT)):
        if items.put(item, sequencer, newer):
            logger.info("Object recorded", folder=item["key"].rpartition("/")[0], deleted="deleted_at" in item)
        else:
            logger.info("A newer event was recorded", key=item["key"])
