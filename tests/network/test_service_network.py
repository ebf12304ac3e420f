"""What ServiceNetwork promises in its templates, and how the embedded cloud describes it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, CfnOutput, RemovalPolicy, Stack, Stage
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, ServiceNetwork
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.service_network import build as example

REGION = "us-east-1"


@architecture
def defaults(stack: Stack) -> ServiceNetwork:
    return ServiceNetwork(stack, "Network")


@architecture
def all_options(stack: Stack) -> ServiceNetwork:
    return ServiceNetwork(
        stack,
        "Network",
        ip_addresses=ec2.IpAddresses.cidr("10.20.0.0/18"),
        max_azs=3,
        nat_gateways=True,
        eip_allocation_ids=["eipalloc-1", "eipalloc-2", "eipalloc-3"],
        interface_endpoints=[ec2.InterfaceVpcEndpointAwsService.SQS],
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )


def imported(scope: Stack, **changes: Any) -> ec2.IVpc:
    subnets = {
        f"{kind}_subnet_ids": [f"subnet-{kind}-{zone}" for zone in "ab"] for kind in ("public", "private", "isolated")
    }
    options = {"vpc_id": "vpc-1", "availability_zones": ["us-east-1a", "us-east-1b"], **subnets, **changes}
    return ec2.Vpc.from_vpc_attributes(scope, "Vpc", **options)


@architecture
def existing_vpc(stack: Stack) -> ServiceNetwork:
    network = ServiceNetwork(stack, "Network", vpc=imported(stack))
    web = network.add_security_group("Web", tier="service")
    network.allow(web, network.add_security_group("Orders", tier="data"), port=ec2.Port.tcp(5432))
    return network


@architecture
def three_zones(stack: Stack) -> ServiceNetwork:
    return ServiceNetwork(stack, "Network", max_azs=3)


@architecture
def two_in_one_stack(stack: Stack) -> list[ServiceNetwork]:
    return [ServiceNetwork(stack, name, interface_endpoints=[]) for name in ("One", "Two")]


@architecture
def inside_a_stage(app: App) -> ServiceNetwork:
    return defaults(Stack(Stage(app, "ServiceNetworkStage"), "Service"))


@architecture
def driven(stack: Stack) -> ServiceNetwork:
    network = example(stack)
    CfnOutput(stack, "Vpc", value=network.vpc.vpc_id)
    for tier in ("public", "service", "data"):
        selected = network.vpc.select_subnets(subnet_group_name=tier.title())
        CfnOutput(stack, tier.title(), value=",".join(selected.subnet_ids))
    return network


architecture(example)
BUILDS = [defaults, all_options, existing_vpc, two_in_one_stack, inside_a_stage, example]


@pytest.mark.parametrize("build", [defaults, all_options, existing_vpc], ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", [defaults, all_options, existing_vpc], ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(ServiceNetwork, synthesis(example))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def properties(synthesis: Synthesis, build: Callable[..., Any], kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource.get("Properties", {})
        for name, resource in synthesis(build).resources(f"AWS::EC2::{kind}").items()
    }


def test_every_tier_is_in_each_zone_and_nothing_gets_a_public_address_by_itself(synthesis: Synthesis) -> None:
    zones: dict[str, set[str]] = {}
    for subnet in properties(synthesis, defaults, "Subnet").values():
        (tier,) = [tag["Value"] for tag in subnet["Tags"] if tag["Key"] == "aws-cdk:subnet-name"]
        zones.setdefault(tier, set()).add(json.dumps(subnet["AvailabilityZone"]))
        assert subnet["MapPublicIpOnLaunch"] is False
    assert {tier: len(found) for tier, found in zones.items()} == {"Public": 2, "Service": 2, "Data": 2}


def test_only_the_public_tier_has_a_route_to_the_internet(synthesis: Synthesis) -> None:
    routes = properties(synthesis, defaults, "Route")
    assert all("PublicSubnet" in name for name in routes)
    assert {route["DestinationCidrBlock"] for route in routes.values()} == {"0.0.0.0/0"}
    assert properties(synthesis, defaults, "NatGateway") == {}


def test_aws_is_reached_by_endpoints_from_the_service_tier(synthesis: Synthesis) -> None:
    endpoints = properties(synthesis, defaults, "VPCEndpoint").values()
    kinds = [endpoint["VpcEndpointType"] for endpoint in endpoints]
    assert sorted(kinds) == ["Gateway"] * 2 + ["Interface"] * 4
    for endpoint in endpoints:
        if endpoint["VpcEndpointType"] == "Interface":
            assert endpoint["PrivateDnsEnabled"] is True
            assert all("ServiceSubnet" in subnet["Ref"] for subnet in endpoint["SubnetIds"])
    (group,) = properties(synthesis, defaults, "SecurityGroup").values()
    assert {rule["FromPort"] for rule in group["SecurityGroupIngress"]} == {443}
    subnets = properties(synthesis, defaults, "Subnet")
    services = {subnet["CidrBlock"] for name, subnet in subnets.items() if "ServiceSubnet" in name}
    assert {rule["CidrIp"] for rule in group["SecurityGroupIngress"]} == services


def test_each_zone_has_a_nat_gateway_of_its_own_with_an_address_that_is_kept(synthesis: Synthesis) -> None:
    built = synthesis(example)
    gateways = properties(synthesis, example, "NatGateway")
    assert len({json.dumps(gateway["SubnetId"]) for gateway in gateways.values()}) == 2
    routes = {
        name: route["NatGatewayId"]["Ref"]
        for name, route in properties(synthesis, example, "Route").items()
        if "NatGatewayId" in route
    }
    assert len(routes) == len(set(routes.values())) == 2
    assert all("ServiceSubnet" in name for name in routes)
    addresses = built.resources("AWS::EC2::EIP")
    assert {address["DeletionPolicy"] for address in addresses.values()} == {"Retain"}
    assert len(built.result.outgoing_addresses) == len(addresses) == 2
    alarms = built.resources("AWS::CloudWatch::Alarm")
    watched = {alarm["Properties"]["Dimensions"][0]["Value"]["Ref"] for alarm in alarms.values()}
    assert watched == set(gateways)


def test_existing_addresses_are_used(synthesis: Synthesis) -> None:
    gateways = properties(synthesis, all_options, "NatGateway").values()
    assert sorted(gateway["AllocationId"] for gateway in gateways) == ["eipalloc-1", "eipalloc-2", "eipalloc-3"]
    assert properties(synthesis, all_options, "EIP") == {}


def test_another_zone_changes_no_subnet_that_is_there(synthesis: Synthesis) -> None:
    def ranges(build: Callable[..., Any]) -> dict[str, Any]:
        found = properties(synthesis, build, "Subnet")
        return {name: (subnet["CidrBlock"], subnet["AvailabilityZone"]) for name, subnet in found.items()}

    before, after = ranges(defaults), ranges(three_zones)
    assert {name: after.get(name) for name in before} == before
    assert len(after) == 9


def test_an_existing_network_gets_security_groups_and_nothing_else(synthesis: Synthesis) -> None:
    kinds = {resource["Type"] for resource in synthesis(existing_vpc).template_json["Resources"].values()}
    assert kinds == {
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::SecurityGroupEgress",
    }


def edges(synthesis: Synthesis, build: Callable[..., Any], kind: str, other: str) -> set[tuple[str, str, int]]:
    def name(reference: dict[str, Any]) -> str:
        return str(reference["Fn::GetAtt"][0][:-8].removeprefix("Network"))

    return {
        (name(rule["GroupId"]), name(rule[other]), rule["FromPort"])
        for rule in properties(synthesis, build, kind).values()
    }


def test_what_is_not_named_does_not_pass(synthesis: Synthesis) -> None:
    ingress = edges(synthesis, example, "SecurityGroupIngress", "SourceSecurityGroupId")
    assert ingress == {("Shop", "Front", 8080), ("Orders", "Shop", 5432), ("Shop", "Administration", 9090)}
    egress = edges(synthesis, example, "SecurityGroupEgress", "DestinationSecurityGroupId")
    egress = {(source, destination, port) for source, destination, port in egress}
    assert {(source, destination, port) for destination, source, port in ingress} == egress
    groups = properties(synthesis, example, "SecurityGroup")
    assert not any("SecurityGroupIngress" in group for group in groups.values())
    for name, group in groups.items():
        rules = group.get("SecurityGroupEgress", [])
        # AWS allows everything to a group without any rule: then the CDK writes one that matches nothing.
        assert rules or any(name[:-8].endswith(source) for source, _, _ in egress), name
        ports = {rule["FromPort"] for rule in rules if rule["CidrIp"] == "0.0.0.0/0"}
        assert ports == ({443} if "Shop" in name or "Administration" in name else set()), name


@pytest.mark.parametrize(
    ("source", "destination", "message"),
    [
        ("public", "data", "destination is of the data tier, and source of the public tier.*service tier"),
        ("data", "service", "destination is of the service tier.*databases are called"),
        ("data", "public", "destination is of the public tier.*databases are called"),
    ],
)
def test_edges_that_leave_out_a_tier_are_refused(source: Any, destination: Any, message: str) -> None:
    network = ServiceNetwork(Stack(), "Network", interface_endpoints=[])
    groups = [network.add_security_group(name, tier=tier) for name, tier in (("A", source), ("B", destination))]
    with pytest.raises(InvalidOptionError, match=message):
        network.allow(*groups, port=ec2.Port.tcp(1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_azs": 1}, r"max_azs is 1 zones\. Use 2 to 4 zones"),
        ({"max_azs": 5}, "max_azs is 5 zones"),
        (
            {"eip_allocation_ids": ["eipalloc-1", "eipalloc-2"]},
            "was given without nat_gateways. Give nat_gateways=True",
        ),
        (
            {"nat_gateways": True, "eip_allocation_ids": ["eipalloc-1"]},
            "has 1 addresses. Give 2, one for each zone",
        ),
        ({"nat_gateways": True, "eip_allocation_ids": ["eipalloc-1"] * 2}, "contains 'eipalloc-1' twice"),
        ({"interface_endpoints": [ec2.InterfaceVpcEndpointAwsService.SQS] * 2}, "contains 'sqs' twice"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        ServiceNetwork(Stack(), "Network", **options)


@pytest.mark.parametrize(
    ("lacking", "message"),
    [
        ({"isolated_subnet_ids": []}, "vpc has isolated subnets in 0 zones.*for the data tier"),
        (
            {
                "availability_zones": ["us-east-1a"],
                **{f"{kind}_subnet_ids": [f"subnet-{kind}"] for kind in ("public", "private", "isolated")},
            },
            "vpc has public subnets in 1 zone\\. Give a VPC with public subnets in 2 zones",
        ),
    ],
)
def test_an_existing_network_without_a_tier_is_refused(lacking: dict[str, Any], message: str) -> None:
    stack = Stack()
    with pytest.raises(InvalidOptionError, match=message):
        ServiceNetwork(stack, "Network", vpc=imported(stack, **lacking))


def test_an_existing_network_is_not_reconfigured() -> None:
    stack = Stack()
    with pytest.raises(InvalidOptionError, match="nat_gateways was given together with vpc"):
        ServiceNetwork(stack, "Network", vpc=imported(stack), nat_gateways=True)


def test_routes_and_rules_are_there_once_it_is_deployed(
    deployed: Callable[[Callable[..., Any]], Deployment], local_cloud: LocalCloud
) -> None:
    (outputs,) = deployed(driven).outputs.values()
    cloud = local_cloud.client("ec2", region=REGION)
    tables = cloud.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [outputs["Vpc"]]}])["RouteTables"]

    def ways_out(tier: str) -> list[str]:
        subnets = outputs[tier].split(",")
        routes = [
            route
            for table in tables
            if any(one.get("SubnetId") in subnets for one in table["Associations"])
            for route in table["Routes"]
            if route.get("DestinationCidrBlock") == "0.0.0.0/0"
        ]
        return sorted(route.get("NatGatewayId", route.get("GatewayId", ""))[:3] for route in routes)

    assert (ways_out("Public"), ways_out("Service"), ways_out("Data")) == (["igw"] * 2, ["nat"] * 2, [])
    groups = cloud.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [outputs["Vpc"]]}])["SecurityGroups"]
    open_to_all = [
        group["GroupId"]
        for group in groups
        for permission in group["IpPermissions"]
        if any(one["CidrIp"] == "0.0.0.0/0" for one in permission["IpRanges"])
    ]
    assert open_to_all == []
