"""An alert of a sensor reaches the archive, and the factory's operator if it is the factory's."""

from aws_cdk import Stack
from aws_cdk import aws_sns as sns

from cdp_constructs import DeviceFleet, FanoutNotification


def build(stack: Stack, fleet: DeviceFleet, operators: sns.ITopic) -> FanoutNotification:
    """Add the alerts of a fleet."""
    alerts = FanoutNotification(stack, "Alerts", fleet=fleet, alarm_topic=operators)
    alerts.add_subscriber("Archive")
    alerts.add_subscriber("FactoryOperator", contexts=["factory"])
    return alerts
