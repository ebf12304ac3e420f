"""Tells the shops that the prices of a list hold."""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from correlation import TRACEPARENT, attributes

from ..pricing.rows import Supplier, Version
from ..pricing.steps import step

logger = Logger()
sns = boto3.client("sns")


class Request(BaseModel):
    """What the step is told."""

    supplier: Supplier
    version: Version
    count: int
    traceparent: str | None = None


@step(logger)
def handler(event: Any, _context: LambdaContext) -> dict[str, str]:
    """Publish it."""
    request = Request.model_validate(event)
    published = sns.publish(
        TopicArn=os.environ["TOPIC"],
        Message=json.dumps(request.model_dump(exclude={TRACEPARENT})),
        MessageAttributes={
            "kind": {"DataType": "String", "StringValue": "published"},
            **attributes(request.traceparent),
        },
    )
    logger.info("Announced", version=request.version)
    return {"message": published["MessageId"]}
