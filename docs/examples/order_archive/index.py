"""Archives orders: one that comes twice is kept once, and only what failed is delivered again."""

import os
from decimal import Decimal
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
dynamodb = boto3.client("dynamodb")


class Order(BaseModel):
    """The body of a message."""

    order_id: str
    total: Decimal


def archive(record: SQSRecord) -> None:
    """Keep one order; raising keeps its message in the queue and lets the rest of the batch go."""
    order = Order.model_validate_json(record.body)
    try:
        dynamodb.put_item(
            TableName=os.environ["TABLE_NAME"],
            Item={"order_id": {"S": order.order_id}, "total": {"N": str(order.total)}},
            ConditionExpression="attribute_not_exists(order_id)",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        logger.info("Order %s was archived before", order.order_id)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Answer with the messages that failed, so that SQS delivers only those again."""
    return process_partial_response(event=event, record_handler=archive, processor=processor, context=context)
