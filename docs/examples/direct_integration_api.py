"""Orders go to a queue and notes into a table, without a function."""

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_sqs as sqs

from cdp_constructs import DirectIntegrationApi

ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "article": {"type": "string", "minLength": 1, "maxLength": 40},
        "count": {"type": "integer", "minimum": 1, "maximum": 99},
    },
    "required": ["article", "count"],
    "additionalProperties": False,
}
NOTE: dict[str, Any] = {
    "type": "object",
    "properties": {"text": {"type": "string", "maxLength": 10_000}},
    "required": ["text"],
    "additionalProperties": False,
}


def build(stack: Stack, orders: sqs.IQueue, notes: dynamodb.ITable) -> DirectIntegrationApi:
    """Put a queue and a table behind an API whose users sign up and in with a pool of its own."""
    api = DirectIntegrationApi(stack, "Front", allowed_origins=["https://shop.example.com"])
    api.add_queue_route("/orders", orders, schema=ORDER)
    api.add_table_routes("/notes", notes, partition="NOTE", schema=NOTE)
    return api
