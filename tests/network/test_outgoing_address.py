"""A function in a network has the addresses that partners know, by the routes of its subnets as EC2 describes them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ec2 as ec2

from cdp_constructs import ServiceNetwork
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import Synthesis, architecture, outgoing_addresses
from docs.examples.outgoing_address import build as example

REGION = "us-east-1"


@architecture
def partner(stack: Stack) -> None:
    """The example, with the name of its function."""
    CfnOutput(stack, "FunctionName", value=example(stack).function_name)


architecture(example)


@architecture
def tiers(stack: Stack) -> None:
    """A network, and what is in each of its tiers."""
    network = ServiceNetwork(stack, "Network", nat_gateways=True)
    for name, subnets in (
        ("Public", network.public_subnets),
        ("Service", network.service_subnets),
        ("Data", network.data_subnets),
    ):
        selected = network.vpc.select_subnets(subnet_group_name=subnets.subnet_group_name)
        CfnOutput(stack, name, value=",".join(selected.subnet_ids))
    groups = {
        "ServiceGroup": network.add_security_group("ServiceGroup", tier="service"),
        "DataGroup": network.add_security_group("DataGroup", tier="data"),
    }
    for name, group in groups.items():
        CfnOutput(stack, f"{name}Id", value=group.security_group_id)
    half = ec2.SecurityGroup(stack, "Half", vpc=network.vpc, allow_all_outbound=False)
    half.add_egress_rule(ec2.Peer.ipv4("10.0.0.0/8"), ec2.Port.tcp(443))
    half.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(80))
    CfnOutput(stack, "HalfId", value=half.security_group_id)


def test_no_open_finding_but_of_the_role_that_the_cdk_makes(synthesis: Synthesis) -> None:
    found = synthesis(example).findings("AwsSolutions", "Serverless")
    assert [one for one in found if "/CallPartner" not in one] == []


def test_the_function_is_in_one_subnet_of_each_zone_and_its_addresses_are_kept(synthesis: Synthesis) -> None:
    built = synthesis(example)
    (function,) = built.resources("AWS::Lambda::Function").values()
    subnets = [one["Ref"] for one in function["Properties"]["VpcConfig"]["SubnetIds"]]
    described = built.resources("AWS::EC2::Subnet")
    zones = [described[subnet]["Properties"]["AvailabilityZone"]["Fn::Select"][0] for subnet in subnets]
    assert sorted(zones) == [0, 1]
    assert {described[subnet]["Properties"]["MapPublicIpOnLaunch"] for subnet in subnets} == {False}
    assert {one["DeletionPolicy"] for one in built.resources("AWS::EC2::EIP").values()} == {"Retain"}
    assert {name for name in built.template.to_json()["Outputs"] if name.startswith("Address")} == {
        "AddressOfZone1",
        "AddressOfZone2",
    }


def test_each_subnet_of_the_function_leads_out_by_the_address_of_its_zone(
    deployed: Callable[[Callable[..., Any]], Deployment], local_cloud: LocalCloud
) -> None:
    deployment = deployed(partner)
    (outputs,) = deployment.outputs.values()
    name = outputs["FunctionName"]
    configuration = local_cloud.client("lambda", REGION).get_function_configuration(FunctionName=name)["VpcConfig"]
    cloud = local_cloud.client("ec2", REGION)
    found = outgoing_addresses(cloud, configuration["SubnetIds"], configuration["SecurityGroupIds"])
    assert sorted(found.values()) == sorted({outputs["AddressOfZone1"], outputs["AddressOfZone2"]})
    zone_of = {one["SubnetId"]: one["AvailabilityZone"] for one in cloud.describe_subnets()["Subnets"]}
    gateways = cloud.describe_nat_gateways()["NatGateways"]
    zone_of_address = {
        one["PublicIp"]: zone_of[gateway["SubnetId"]] for gateway in gateways for one in gateway["NatGatewayAddresses"]
    }
    assert {subnet: zone_of_address[address] for subnet, address in found.items()} == {
        subnet: zone_of[subnet] for subnet in found
    }


@dataclass(frozen=True)
class Tiers:
    """What is deployed, by the name of its output."""

    ec2: Any
    outputs: dict[str, str]

    def subnets(self, tier: str) -> list[str]:
        return self.outputs[tier].split(",")

    def addresses(self, tier: str, group: str = "ServiceGroup") -> dict[str, str]:
        return outgoing_addresses(self.ec2, self.subnets(tier), [self.outputs[f"{group}Id"]])

    def table(self, subnet: str) -> dict[str, Any]:
        filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
        (table,) = self.ec2.describe_route_tables(Filters=filters)["RouteTables"]
        found: dict[str, Any] = table
        return found


@pytest.fixture(scope="module")
def deployed_tiers(deployed: Callable[[Callable[..., Any]], Deployment], local_cloud: LocalCloud) -> Tiers:
    (outputs,) = deployed(tiers).outputs.values()
    return Tiers(local_cloud.client("ec2", REGION), dict(outputs))


def test_the_service_tier_leads_out(deployed_tiers: Tiers) -> None:
    assert len(set(deployed_tiers.addresses("Service").values())) == 2


def test_an_isolated_subnet_leads_nowhere(deployed_tiers: Tiers) -> None:
    with pytest.raises(AssertionError, match=r"no route leads to 198\.51\.100\.1; the subnet is isolated"):
        deployed_tiers.addresses("Data")


def test_a_public_subnet_is_no_way_out_for_what_has_no_address(deployed_tiers: Tiers) -> None:
    with pytest.raises(AssertionError, match=r"is routed to igw-.*needs a NAT gateway"):
        deployed_tiers.addresses("Public")


@pytest.mark.parametrize("group", ["DataGroup", "Half"])
def test_a_security_group_that_lets_nothing_out_is_found(deployed_tiers: Tiers, group: str) -> None:
    with pytest.raises(AssertionError, match=r"no egress rule of sg-.* lets HTTPS out"):
        deployed_tiers.addresses("Service", group)


@pytest.fixture
def cut(deployed_tiers: Tiers) -> Iterator[Callable[[str], None]]:
    """Takes the default route out of a subnet's table, and puts it back after the test."""
    taken: list[tuple[str, dict[str, Any]]] = []

    def take(subnet: str) -> None:
        table = deployed_tiers.table(subnet)
        (route,) = [one for one in table["Routes"] if one.get("DestinationCidrBlock") == "0.0.0.0/0"]
        deployed_tiers.ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")
        taken.append((table["RouteTableId"], route))

    yield take
    for table, route in taken:
        targets = {name: route[name] for name in ("GatewayId", "NatGatewayId") if name in route}
        deployed_tiers.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **targets)


def test_a_zone_whose_route_is_gone_is_found(deployed_tiers: Tiers, cut: Callable[[str], None]) -> None:
    lost = deployed_tiers.subnets("Service")[1]
    cut(lost)
    with pytest.raises(AssertionError, match=f"{lost}: no route leads"):
        deployed_tiers.addresses("Service")


def test_a_nat_gateway_without_a_way_out_is_found(deployed_tiers: Tiers, cut: Callable[[str], None]) -> None:
    cut(deployed_tiers.subnets("Public")[0])
    with pytest.raises(AssertionError, match="no route leads to"):
        deployed_tiers.addresses("Service")
