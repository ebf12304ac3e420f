"""The NAT gateways of a network: their addresses, which outlive the stack, and an alarm for each zone."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.cdk import sns
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minutes


def keep_addresses(vpc: ec2.Vpc, removal_policy: RemovalPolicy) -> list[str]:
    """Return the Elastic IP addresses that were made, which others may have on their lists, and keep them."""
    made = [subnet.node.try_find_child("EIP") for subnet in vpc.public_subnets]
    addresses = [address for address in made if isinstance(address, ec2.CfnEIP)]
    for address in addresses:
        address.apply_removal_policy(removal_policy)
    return [address.attr_public_ip for address in addresses]


def metrics_of_failed_connections(vpc: ec2.Vpc) -> list[cloudwatch.Metric]:
    """Return for each NAT gateway how often it had no port left for a connection. Sum over 5 minutes."""
    gateways = [subnet.node.try_find_child("NATGateway") for subnet in vpc.public_subnets]
    return [
        cloudwatch.Metric(
            namespace="AWS/NATGateway",
            metric_name="ErrorPortAllocation",
            dimensions_map={"NatGatewayId": gateway.ref},
            statistic="sum",
            period=minutes(5),
        )
        for gateway in gateways
        if isinstance(gateway, ec2.CfnNatGateway)
    ]


def add_nat_alarms(scope: Construct, vpc: ec2.Vpc, alarm_topic: "sns.ITopic | None") -> None:
    """Add an alarm for each NAT gateway that has no port left for connections."""
    for number, metric in enumerate(metrics_of_failed_connections(vpc), start=1):
        add_alarm(
            scope,
            f"Zone{number}-NatPortsAlarm",
            metric,
            alarm_topic=alarm_topic,
            description=f"{path_of(scope)}: the NAT gateway of zone {number} could not open connections: more than "
            "55,000 to one destination at a time. Look for a service that does not reuse its connections.",
        )
