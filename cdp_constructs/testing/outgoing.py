"""Which address partners see: the routes of subnets to the internet, as Amazon EC2 describes them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cdp_constructs.testing.routes import contains, longest_prefix

__all__ = ["outgoing_addresses"]

_SOMEWHERE = "198.51.100.1"
"""Of a range that is nobody's, so that only a route to the internet leads there: RFC 5737."""
_HTTPS = 443
_EVERY_PROTOCOL = "-1"


def outgoing_addresses(
    ec2: Any, subnets: Iterable[str], security_groups: Iterable[str], *, destination: str = _SOMEWHERE
) -> dict[str, str]:
    """Return for each subnet the public address with which HTTPS of a function or task in it reaches the internet.

    It follows what EC2 describes, on the embedded cloud or on AWS: the rules of the security groups, the route table of
    the subnet, the NAT gateway, and the route of the gateway's own subnet. Network ACLs are not read::

        configuration = functions.get_function_configuration(FunctionName=name)["VpcConfig"]
        found = outgoing_addresses(ec2, configuration["SubnetIds"], configuration["SecurityGroupIds"])
        assert set(found.values()) == {"203.0.113.7", "203.0.113.8"}

    Args:
        ec2: A boto3 client of EC2.
        subnets: Ids of the subnets.
        security_groups: Ids of the security groups of what is in them.
        destination: An IPv4 address outside of the network. Default: one of a range for documentation.

    Raises:
        AssertionError: naming the first subnet, or the security groups, that let nothing out, and why.
    """
    _check_egress(ec2, list(security_groups), destination)
    return {subnet: _address(ec2, subnet, destination) for subnet in subnets}


def _check_egress(ec2: Any, groups: Sequence[str], destination: str) -> None:
    described = ec2.describe_security_groups(GroupIds=list(groups))["SecurityGroups"]
    rules = [rule for group in described for rule in group["IpPermissionsEgress"]]
    if not any(_lets_out(rule, destination) for rule in rules):
        message = f"no egress rule of {', '.join(groups)} lets HTTPS out to {destination}"
        raise AssertionError(message)


def _lets_out(rule: Mapping[str, Any], destination: str) -> bool:
    every = rule["IpProtocol"] == _EVERY_PROTOCOL
    https = rule["IpProtocol"] == "tcp" and rule["FromPort"] <= _HTTPS <= rule["ToPort"]
    return (every or https) and any(contains(one["CidrIp"], destination) for one in rule.get("IpRanges", []))


def _address(ec2: Any, subnet: str, destination: str) -> str:
    route = _route(ec2, subnet, destination)
    gateway = route.get("NatGatewayId")
    if gateway is None:
        target = next((str(value) for key, value in route.items() if key.endswith("Id")), "nothing")
        message = f"{subnet}: {destination} is routed to {target}; what has no public address needs a NAT gateway"
        raise AssertionError(message)
    (nat,) = ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"]
    addresses = [one["PublicIp"] for one in nat["NatGatewayAddresses"] if one.get("PublicIp")]
    if nat["State"] != "available" or not addresses:
        message = f"{subnet}: {gateway} is {nat['State']} and has {len(addresses)} public addresses"
        raise AssertionError(message)
    way_out = _route(ec2, nat["SubnetId"], destination).get("GatewayId", "")
    if not way_out.startswith("igw-"):
        message = f"{subnet}: {gateway} is in {nat['SubnetId']}, which has no route to an internet gateway"
        raise AssertionError(message)
    return str(addresses[0])


def _route(ec2: Any, subnet: str, destination: str) -> Mapping[str, Any]:
    """Return the route that a subnet has to an address: the one with the longest prefix."""
    found = longest_prefix(_routes(ec2, subnet), destination)
    if found is None:
        message = f"{subnet}: no route leads to {destination}; the subnet is isolated"
        raise AssertionError(message)
    return found


def _routes(ec2: Any, subnet: str) -> list[Mapping[str, Any]]:
    """Return the routes of a subnet's own route table, or of the main one of its network."""
    own = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["RouteTables"]
    if not own:
        (described,) = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
        filters = {"vpc-id": described["VpcId"], "association.main": "true"}
        wanted = [{"Name": name, "Values": [value]} for name, value in filters.items()]
        own = ec2.describe_route_tables(Filters=wanted)["RouteTables"]
    return [route for table in own for route in table["Routes"]]
