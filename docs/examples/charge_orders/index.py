"""Charges the orders of a stream, each once, whatever batches they come in."""

import base64
import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from run_once import run_once

logger = Logger()
ledger = boto3.resource("dynamodb").Table(os.environ["LEDGER"])


def charge(order: dict[str, Any]) -> None:
    """Write the charge under the id of its order."""
    ledger.put_item(Item={"payment": order["id"], "amount": order["amount"]})


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Charge one order after the other; what fails, and what is behind it, is delivered again."""
    for record in event["Records"]:
        try:
            order = json.loads(base64.b64decode(record["kinesis"]["data"]))
            run_once(order["id"], lambda order=order: charge(order))  # type: ignore[misc]  # mypy and defaults
        except Exception:
            logger.exception(
                "Failed; Lambda tries again from here", sequence_number=record["kinesis"]["sequenceNumber"]
            )
            return {"batchItemFailures": [{"itemIdentifier": record["kinesis"]["sequenceNumber"]}]}
    return {"batchItemFailures": []}
