"""Sends a buyer the link by which to decide about a list, with a code that is good for this one question."""

import json
import os
from typing import Any
from urllib.parse import quote

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, Field

from correlation import TRACEPARENT, attributes

from ..pricing.codes import connect
from ..pricing.rows import Supplier
from ..pricing.steps import step

logger = Logger()
codes = connect()
sns = boto3.client("sns")


class Checks(BaseModel):
    """What the checks found."""

    prices: dict[str, int]
    names: dict[str, int]


class Request(BaseModel):
    """What the step is told."""

    approval: str = Field(pattern="^[A-Za-z0-9_.-]{1,100}$")
    supplier: Supplier
    count: int
    checks: Checks
    traceparent: str | None = None


@step(logger)
def handler(event: Any, _context: LambdaContext) -> dict[str, str]:
    """Send the link."""
    request = Request.model_validate(event)
    found = request.checks
    question = (
        f"{request.supplier}: {request.count} prices, of which {found.prices.get('rises', 0)} rise by more than 10 "
        f"percent, the most by {found.prices.get('largest_percent', 0)}; {found.names.get('shared', 0)} share a name."
    )
    code = codes.issue(request.approval, {"question": question, TRACEPARENT: request.traceparent})
    link = f"{os.environ['APPROVAL_URL']}/approvals/{quote(request.approval)}?code={code}"
    sns.publish(
        TopicArn=os.environ["TOPIC"],
        Subject=f"Price list of {request.supplier}",
        Message=json.dumps({"question": question, "link": link}),
        MessageAttributes={
            "kind": {"DataType": "String", "StringValue": "question"},
            **attributes(request.traceparent),
        },
    )
    logger.info("Asked", approval=request.approval)
    return {"asked": request.approval}
