"""Charges a payment; the pattern calls the handler once for each payment."""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger

logger = Logger()
ledger = boto3.resource("dynamodb").Table(os.environ["LEDGER"])


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Write the charge under the id of its payment: one entry, even if a process dies and another begins again."""
    ledger.put_item(Item={"payment": event["payment"], "amount": event["amount"]})
    logger.info("Charged", payment=event["payment"])
    return {"payment": event["payment"], "charged": event["amount"]}
