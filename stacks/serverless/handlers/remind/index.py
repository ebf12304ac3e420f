"""Reminds the buyers of lists that are still on their way, most of which wait for a decision."""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
states = boto3.client("stepfunctions")
sns = boto3.client("sns")


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Send a reminder, when there is something to be reminded of."""
    pages = states.get_paginator("list_executions").paginate(
        stateMachineArn=os.environ["STATE_MACHINE"], statusFilter="RUNNING"
    )
    started = sorted(execution["startDate"] for page in pages for execution in page["executions"])
    if started:
        reminder = (
            f"Price lists not decided: {len(started)}; the oldest came on {started[0]:%Y-%m-%d} at {started[0]:%H:%M}."
        )
        sns.publish(
            TopicArn=os.environ["TOPIC"],
            Subject="Price lists wait for you",
            Message=json.dumps({"reminder": reminder}),
            MessageAttributes={"kind": {"DataType": "String", "StringValue": "reminder"}},
        )
    logger.info("Reminded", waiting=len(started), at=event.get("scheduled_time"))
    return {"waiting": len(started)}
