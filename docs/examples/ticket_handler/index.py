"""Opens, updates and closes tickets as the issue tracker says, each delivery once."""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
# What fails holds up what comes after it about the same issue, and nothing else of the batch.
processor = SqsFifoPartialProcessor(skip_group_on_error=True)
table = boto3.resource("dynamodb").Table(os.environ["TICKETS"])
STATUS = {"opened": "open", "edited": "open", "reopened": "open", "closed": "closed"}


def work(record: SQSRecord) -> None:
    """Bring one ticket up to date; the same delivery again changes nothing."""
    delivery = json.loads(record.body)
    issue = json.loads(delivery["body"])
    table.put_item(
        Item={
            "ticket": str(issue["issue"]["id"]),
            "title": issue["issue"]["title"],
            "status": STATUS[issue["action"]],
            "delivery": delivery["id"],
        }
    )


def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Work on a batch; what fails, and what stands behind it in its group, is delivered again."""
    return process_partial_response(event=event, record_handler=work, processor=processor, context=context)
