"""An operator's role sends commands to whole sites."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from cdp_constructs import Broadcast, DeviceFleet


def build(stack: Stack, fleet: DeviceFleet, operator: iam.IRole) -> Broadcast:
    """Add broadcasts to a fleet."""
    broadcast = Broadcast(stack, "Broadcast", fleet=fleet)
    broadcast.grant_broadcast(operator)
    return broadcast
