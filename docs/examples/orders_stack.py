"""Orders are announced once; billing gets one kind of them, the archive all."""

from typing import Any

from aws_cdk import Stack
from constructs import Construct

from cdp_constructs import SnsSqsFanout


class Orders(Stack):
    """What is announced of orders."""

    def __init__(self, scope: Construct, construct_id: str, **kwargs: Any) -> None:
        """Build the stack."""
        super().__init__(scope, construct_id, **kwargs)
        fanout = SnsSqsFanout(self, "Placed")
        fanout.add_subscriber("Billing", filter_policy={"kind": ["order"]})
        fanout.add_subscriber("Archive")
