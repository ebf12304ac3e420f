"""Desks report temperature and humidity; who is too hot is known within seconds."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from cdp_constructs import SnsSqsFanout, SpeedLayer


def build(stack: Stack) -> SpeedLayer:
    """Add the layer, its thresholds, and subscribers of its alerts to a stack."""
    speed = SpeedLayer(stack, "Speed", measures=["temperature", "humidity"])
    speed.add_threshold("TooHot", measure="temperature", above=30, recovers_at=28)
    alerts = SnsSqsFanout(stack, "Alerts", topic=speed.topic)
    alerts.add_subscriber("Operator")
    alerts.add_subscriber("Ticket", filter_policy={"state": ["crossed"]})
    # With AWS IoT it is speed.add_rule(rule); any other producer puts records into the stream.
    gateway = iam.Role(stack, "Gateway", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    speed.grant_put(gateway)
    return speed
