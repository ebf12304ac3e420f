"""Orders go to a topic and notes into a table, without a function."""

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb

from cdp_constructs import DirectIntegrationApi, SnsSqsFanout

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


def build(stack: Stack) -> DirectIntegrationApi:
    """Put a topic and a table behind an API whose users sign up and in with a pool of its own."""
    orders = SnsSqsFanout(stack, "Orders")
    orders.add_subscriber("Billing")
    notes = dynamodb.TableV2(
        stack,
        "Notes",
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
    )
    api = DirectIntegrationApi(stack, "Front", allowed_origins=["https://shop.example.com"])
    api.add_topic_route("/orders", orders.topic, schema=ORDER)
    api.add_table_routes("/notes", notes, partition="NOTE", schema=NOTE)
    return api
