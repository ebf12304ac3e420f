"""Who is in which room: any copy of the function answers, whichever of them received the heartbeat."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_

from cdp_constructs import StateSharing


def build(stack: Stack) -> StateSharing:
    """Add the state and the function that keeps it to a stack."""
    presence = lambda_.Function(
        stack,
        "Presence",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(Path(__file__).parent / "room_presence")),
        tracing=lambda_.Tracing.ACTIVE,
    )
    state = StateSharing(stack, "State")
    state.share_with(presence, groups=["ROOM"])
    return state
