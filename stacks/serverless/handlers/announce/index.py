"""Tells the shops that the prices of a list hold."""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from ..pricing.rows import Supplier, Version

logger = Logger()
sns = boto3.client("sns")


class Request(BaseModel):
    """What the step is told."""

    supplier: Supplier
    version: Version
    count: int


@logger.inject_lambda_context
def handler(event: Any, _context: LambdaContext) -> dict[str, str]:
    """Publish it."""
    request = Request.model_validate(event)
    published = sns.publish(
        TopicArn=os.environ["TOPIC"],
        Message=json.dumps(request.model_dump()),
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "published"}},
    )
    logger.info("Announced", version=request.version)
    return {"message": published["MessageId"]}
