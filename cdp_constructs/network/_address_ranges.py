"""The address ranges of an existing or a new network, as far as they are known at synthesis."""

import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Network

from aws_cdk import Token
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["check_route_tables", "range_of", "ranges_of_subnets"]


def range_of(scope: Construct, vpc: ec2.IVpc) -> IPv4Network:
    """Return the address range of a network.

    Raises:
        InvalidOptionError: when it is not known.
    """
    resource = vpc.node.default_child
    try:
        written = resource.cidr_block if isinstance(resource, ec2.CfnVPC) else vpc.vpc_cidr_block
    except RuntimeError:  # it was imported without
        written = None
    if written is None or Token.is_unresolved(written):
        fix = "Give a VPC with ip_addresses=ec2.IpAddresses.cidr(…), or import it with vpc_cidr_block"
        raise InvalidOptionError(scope, "vpc", f"is {vpc.node.path}, whose address range is not known", fix)
    return IPv4Network(written)


def ranges_of_subnets(scope: Construct, subnets: Iterable[ec2.ISubnet]) -> list[IPv4Network]:
    """Return the address ranges of subnets, neighbours as one.

    Raises:
        InvalidOptionError: when one is not known.
    """
    return list(ipaddress.collapse_addresses(_range_of(scope, subnet) for subnet in subnets))


def _range_of(scope: Construct, subnet: ec2.ISubnet) -> IPv4Network:
    try:
        written = subnet.ipv4_cidr_block
    except RuntimeError:  # it was imported without
        written = ""
    if not written or Token.is_unresolved(written):
        fix = "Import the VPC with the CIDR blocks of these subnets, such as private_subnet_ipv4_cidr_blocks"
        raise InvalidOptionError(scope, "vpc", f"has {subnet.node.path}, whose CIDR block is not known", fix)
    return IPv4Network(written)


def check_route_tables(scope: Construct, subnets: Iterable[ec2.ISubnet]) -> None:
    """Refuse subnets whose routes cannot be changed.

    Raises:
        InvalidOptionError: when a route table is not known.
    """
    for subnet in subnets:
        try:
            known = bool(subnet.route_table.route_table_id)
        except (RuntimeError, AttributeError):  # it was imported without
            known = False
        if not known:
            fix = "Import the VPC with the route tables of these subnets, such as private_subnet_route_table_ids"
            raise InvalidOptionError(scope, "vpc", f"has {subnet.node.path}, whose route table is not known", fix)
