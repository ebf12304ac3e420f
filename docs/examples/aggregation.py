"""What all hygrometers measure, in one stream."""

from aws_cdk import Duration, Stack

from cdp_constructs import Aggregation, DeviceFleet


def build(stack: Stack, fleet: DeviceFleet) -> Aggregation:
    """Add the stream of a fleet's measurements."""
    climate = Aggregation(stack, "Climate", fleet=fleet, kind="climate", retention=Duration.days(7))
    climate.use_basic_ingest()
    return climate
