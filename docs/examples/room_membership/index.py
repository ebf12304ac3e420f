"""Lets a user subscribe to the channels of the rooms that the user is a member of."""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
dynamodb = boto3.client("dynamodb")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str] | None:
    """Return nothing for a member, and the reason of the refusal for anybody else."""
    del context
    # A room's channel is /rooms/<room>; /rooms/* would be all of them.
    _, *rest = event["info"]["channel"]["segments"]
    if len(rest) != 1 or rest[0] == "*":
        return {"error": "There is no such channel"}
    key = {"room": {"S": rest[0]}, "user": {"S": event["identity"]["sub"]}}
    found = dynamodb.get_item(TableName=os.environ["TABLE_NAME"], Key=key, ConsistentRead=True)
    return None if "Item" in found else {"error": "Not a member of the room"}
