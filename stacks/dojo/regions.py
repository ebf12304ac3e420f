"""Boards that serve in several Regions under one name."""

from aws_cdk import Stack
from aws_cdk import aws_sns as sns

from cdp_constructs import MultiRegionLatencyRouting, ServiceFront, ServiceNetwork
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.parts import add_certificate, add_zone

__all__ = ["add_nearest_front"]


def add_nearest_front(
    stack: Stack, configuration: DojoConfiguration, board: str, network: ServiceNetwork, alarm_topic: sns.ITopic
) -> tuple[ServiceFront, MultiRegionLatencyRouting]:
    """Add a load balancer that has the board's name for those who are nearest, while its servers reach their data."""
    zone = add_zone(stack, configuration)
    name = configuration.domain_name(board)
    certificate = add_certificate(stack, name, zone)
    # Without a zone, since its record would be the only one of the name.
    front = ServiceFront(
        stack, "Front", vpc=network.vpc, domain_name=name, certificate=certificate, alarm_topic=alarm_topic
    )
    routing = MultiRegionLatencyRouting(
        stack, "Routing", zone=zone, domain_name=name, load_balancer=front.load_balancer
    )
    return front, routing
