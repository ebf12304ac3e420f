"""One way to make a network for data: isolated subnets in several zones, flow logs, no way to the internet."""

from collections.abc import Mapping

from aws_cdk import Fn, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdp_constructs.core.cdk import kms, logs
from cdp_constructs.core.flow_logs import add_flow_log
from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["ZONES", "add_isolated_vpc", "data_subnets"]

_RANGE = "10.0.0.0/16"
ZONES = 3
"""In how many zones a new network has subnets."""


def add_isolated_vpc(
    scope: "Construct",
    *,
    subnet_name: str,
    encryption_key: "kms.IKey | None",
    log_retention: "logs.RetentionDays",
    removal_policy: RemovalPolicy,
    endpoints: "Mapping[str, ec2.InterfaceVpcEndpointAwsService] | None" = None,
) -> ec2.Vpc:
    """Add a network with three isolated subnets, a gateway endpoint of S3, flow logs, and no NAT.

    Args:
        scope: The pattern whose servers are in it; the network is its child ``Vpc``.
        subnet_name: The name of the group of subnets, part of the subnets' ids.
        encryption_key: Encrypts the flow logs.
        log_retention: How long flow logs are kept.
        removal_policy: What happens to the flow logs when the stack is deleted.
        endpoints: Services that are reached by interface endpoints, by construct id. Each costs by hour and zone.
    """
    vpc = ec2.Vpc(
        scope,
        "Vpc",
        # Named one by one: a stack without an environment would get two.
        availability_zones=[Fn.select(zone, Fn.get_azs()) for zone in range(ZONES)],
        ip_addresses=ec2.IpAddresses.cidr(_RANGE),
        nat_gateways=0,
        restrict_default_security_group=False,
        subnet_configuration=[
            ec2.SubnetConfiguration(name=subnet_name, subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24)
        ],
        gateway_endpoints={"S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)},
    )
    add_flow_log(scope, vpc, encryption_key=encryption_key, log_retention=log_retention, removal_policy=removal_policy)
    for construct_id, service in (endpoints or {}).items():
        endpoint = vpc.add_interface_endpoint(construct_id, service=service, open=False)
        # For the whole network, by its range: cdk-nag cannot read the attribute that the CDK would write.
        endpoint.connections.allow_default_port_from(ec2.Peer.ipv4(_RANGE))
    return vpc


def data_subnets(scope: "Construct", vpc: ec2.IVpc, *, fewest: int, source: str) -> list[ec2.ISubnet]:
    """Return the isolated subnets of a network, or its private ones, the first of each zone.

    Args:
        scope: The pattern.
        vpc: Its option ``vpc``.
        fewest: How many zones it needs.
        source: Why, as a page of AWS.

    Raises:
        InvalidOptionError: when they are in too few zones.
    """
    by_zone: dict[str, ec2.ISubnet] = {}
    for subnet in vpc.isolated_subnets or vpc.private_subnets:
        by_zone.setdefault(subnet.availability_zone, subnet)
    if len(by_zone) < fewest:
        problem = f"has {len(by_zone)} zones with isolated or private subnets"
        raise InvalidOptionError(scope, "vpc", problem, f"Give one with {fewest} or more ({source})")
    return list(by_zone.values())
