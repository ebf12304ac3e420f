"""The three tiers of a network: made in zones of their own address ranges, or found in an existing VPC."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from aws_cdk import Fn
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdp_constructs.core.validation import InvalidOptionError

Tier: TypeAlias = Literal["public", "service", "data"]

# Address space is divided among this many zones, so that a network grows into another zone without new subnets.
MOST_ZONES = 4
FEWEST_ZONES = 2
_DEFAULT_RANGE = "10.0.0.0/16"


def make_vpc(
    scope: Construct,
    *,
    zones: int,
    ip_addresses: ec2.IIpAddresses | None,
    nat: bool,
    eip_allocation_ids: Sequence[str] | None,
) -> ec2.Vpc:
    """Make a network with a public, a service and a data subnet in each zone, and gateway endpoints.

    Args:
        scope: The pattern.
        zones: Number of Availability Zones.
        ip_addresses: The address range.
        nat: Whether service subnets have a NAT gateway of their zone.
        eip_allocation_ids: Existing Elastic IP addresses of the NAT gateways.
    """
    services = ec2.SubnetType.PRIVATE_WITH_EGRESS if nat else ec2.SubnetType.PRIVATE_ISOLATED
    tiers = (
        ("Public", ec2.SubnetType.PUBLIC),
        ("Service", services),
        ("Data", ec2.SubnetType.PRIVATE_ISOLATED),
    )
    return ec2.Vpc(
        scope,
        "Vpc",
        ip_addresses=ip_addresses or ec2.IpAddresses.cidr(_DEFAULT_RANGE),
        # Named one by one: a stack without an environment would get two, another one would look them up.
        availability_zones=[Fn.select(zone, Fn.get_azs()) for zone in range(zones)],
        reserved_azs=MOST_ZONES - zones,
        nat_gateways=zones if nat else 0,
        nat_gateway_provider=(
            ec2.NatProvider.gateway(eip_allocation_ids=list(eip_allocation_ids)) if eip_allocation_ids else None
        ),
        restrict_default_security_group=False,
        subnet_configuration=[
            ec2.SubnetConfiguration(
                name=name,
                subnet_type=kind,
                map_public_ip_on_launch=False if kind is ec2.SubnetType.PUBLIC else None,
            )
            for name, kind in tiers
        ],
        gateway_endpoints={
            "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
            "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
        },
    )


def existing_tiers(scope: Construct, vpc: ec2.IVpc) -> dict[Tier, ec2.SubnetSelection]:
    """Return the subnets of an existing network by tier.

    Raises:
        InvalidOptionError: when a tier is not in two zones.
    """
    found: dict[Tier, list[ec2.ISubnet]] = {
        "public": list(vpc.public_subnets),
        "service": list(vpc.private_subnets or vpc.isolated_subnets),
        "data": list(vpc.isolated_subnets),
    }
    kinds = {"public": "public", "service": "private or isolated", "data": "isolated"}
    for tier, subnets in found.items():
        zones = len({subnet.availability_zone for subnet in subnets})
        if zones < FEWEST_ZONES:
            problem = f"has {kinds[tier]} subnets in {zones} zone{'' if zones == 1 else 's'}"
            fix = f"Give a VPC with {kinds[tier]} subnets in {FEWEST_ZONES} zones or more, for the {tier} tier"
            raise InvalidOptionError(scope, "vpc", problem, fix)
    return {tier: ec2.SubnetSelection(subnets=subnets) for tier, subnets in found.items()}
