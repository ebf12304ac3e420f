"""Board D1, Double Hawks: what each Region has: a network in the mesh, an entry, and two monitors."""

from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_sns as sns

from cdp_constructs import (
    AlarmTopic,
    MonitoringIntegration,
    MultiRegionLatencyRouting,
    RegionMesh,
    ServiceFront,
    ServiceNetwork,
)
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.parts import add_alarm_topic
from stacks.dojo.regions import add_nearest_front

__all__ = ["BOARD", "Place", "add_place"]

BOARD = "double_hawks"


@dataclass(frozen=True)
class Place:
    """What a Region has before it has servers.

    Attributes:
        alarm_topic: Receives the alarms; Zabbix gets them, too.
        network: With a way to the internet.
        mesh: Joins its service tier with those of the others.
        front: The load balancer.
        routing: Leads those there who are nearest.
        monitoring: Tells Zabbix.
    """

    alarm_topic: sns.ITopic
    network: ServiceNetwork
    mesh: RegionMesh
    front: ServiceFront
    routing: MultiRegionLatencyRouting
    monitoring: MonitoringIntegration


def add_place(stack: Stack, configuration: DojoConfiguration, *, cidr: str) -> Place:
    """Add it, before anything else of the stack.

    Args:
        stack: Of the Region.
        configuration: What the operator decides.
        cidr: The address range of the network, which no other Region has.
    """
    alarm_topic = add_alarm_topic(stack, configuration)
    # Endpoints lead to services of the same Region: table and user pool are reached over the internet.
    network = ServiceNetwork(
        stack, "Network", ip_addresses=ec2.IpAddresses.cidr(cidr), nat_gateways=True, alarm_topic=alarm_topic
    )
    mesh = RegionMesh(stack, "Mesh", vpc=network.vpc, vpc_subnets=network.service_subnets, alarm_topic=alarm_topic)
    front, routing = add_nearest_front(stack, configuration, BOARD, network, alarm_topic)
    monitoring = MonitoringIntegration(
        stack,
        "Monitoring",
        vpc=network.vpc,
        address=f"zabbix.{configuration.hosted_zone_name}",
        host=f"double-hawks {stack.region}",
        topic=alarm_topic,
        # What Zabbix does not get when it does not answer.
        alarm_topic=AlarmTopic(stack, "MonitoringAlarms", email=configuration.alarm_email).topic,
    )
    return Place(alarm_topic, network, mesh, front, routing, monitoring)
