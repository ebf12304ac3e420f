"""The same desks: every record is kept, and a function answers from both layers."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_

from cdp_constructs import BatchLayer, SpeedLayer


def build(stack: Stack) -> BatchLayer:
    """Add both layers and the function to a stack; the same records go to both."""
    speed = SpeedLayer(stack, "Speed", measures=["temperature", "humidity"])
    batch = BatchLayer(stack, "Batch", columns={"temperature": "double", "humidity": "double", "moved": "boolean"})
    batch.add_saved_query(
        "HottestHours",
        description="The hottest hours of the last week",
        sql="SELECT hour, max(temperature) AS hottest FROM telemetry "
        "WHERE hour >= date_format(current_timestamp - INTERVAL '7' DAY, '%Y-%m-%d-%H') "
        "GROUP BY hour ORDER BY hottest DESC LIMIT 24",
    )
    reader = lambda_.Function(
        stack,
        "Reader",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(Path(__file__).parent / "minutes_of_a_thing")),
        tracing=lambda_.Tracing.ACTIVE,
    )
    speed.share_with(reader)
    batch.share_with(reader)
    return batch
