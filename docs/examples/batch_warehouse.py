"""The desks' records in a warehouse as well, for those who ask all day."""

from aws_cdk import Stack

from cdp_constructs import BatchLayer, BatchWarehouse


def build(stack: Stack) -> BatchWarehouse:
    """Add a batch layer and a warehouse that is loaded from it to a stack."""
    batch = BatchLayer(stack, "Batch", columns={"temperature": "double", "humidity": "double"})
    return BatchWarehouse(stack, "Warehouse", batch=batch, max_capacity=32)
