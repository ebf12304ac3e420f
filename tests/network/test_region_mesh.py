"""What RegionMesh promises in its templates: which subnet reaches which, who may accept a peering, what is refused."""

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aws_cdk import App, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, RegionMesh
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import Synthesis, architecture, reached_subnets
from docs.examples import region_mesh as example

REGIONS = ("ap-northeast-1", "us-west-2", "eu-central-1", "sa-east-1")
ISOLATED = ec2.SubnetType.PRIVATE_ISOLATED


def network(stack: Stack, cidr: str) -> ec2.Vpc:
    """A network of two zones with services and databases, and nothing else."""
    return ec2.Vpc(
        stack,
        "Vpc",
        ip_addresses=ec2.IpAddresses.cidr(cidr),
        availability_zones=[f"{stack.region}{zone}" for zone in "ab"],
        restrict_default_security_group=False,
        subnet_configuration=[
            ec2.SubnetConfiguration(name=name, subnet_type=ISOLATED, cidr_mask=24) for name in ("Service", "Data")
        ],
    )


def imported(stack: Stack, number: int, **changes: Any) -> ec2.IVpc:
    """An existing network of two zones."""
    options: dict[str, Any] = {
        "vpc_id": f"vpc-{number}",
        "vpc_cidr_block": f"10.{number}.0.0/16",
        "availability_zones": [f"{stack.region}{zone}" for zone in "ab"],
        "private_subnet_ids": [f"subnet-{number}{zone}" for zone in "ab"],
        "private_subnet_ipv4_cidr_blocks": [f"10.{number}.{zone}.0/24" for zone in (4, 8)],
        "private_subnet_route_table_ids": [f"rtb-{number}{zone}" for zone in "ab"],
    }
    return ec2.Vpc.from_vpc_attributes(stack, "Vpc", **{**options, **changes})


def joined(app: Any, prefix: str, count: int, make: Callable[[Stack, int], RegionMesh]) -> list[RegionMesh]:
    """Networks in some Regions and their peerings, each in a stack of its own."""
    regions = REGIONS[:count]
    stacks = [Stack(app, f"{prefix}-{region}", env=Environment(region=region)) for region in regions]
    meshes = [make(stack, number) for number, stack in enumerate(stacks, start=1)]
    for mesh in meshes:
        stack = Stack(app, f"{prefix}-Peerings-{mesh.region}", env=Environment(region=mesh.region))
        mesh.add_peerings(stack, "Peerings", meshes=meshes)
    return meshes


def new(stack: Stack, number: int) -> RegionMesh:
    vpc = network(stack, f"10.{number}.0.0/16")
    return RegionMesh(stack, "Mesh", vpc=vpc, vpc_subnets=ec2.SubnetSelection(subnet_group_name="Service"))


def with_all_options(stack: Stack, number: int) -> RegionMesh:
    return RegionMesh(
        stack,
        "Mesh",
        vpc=imported(stack, number),
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
        amazon_side_asn=64_600 + number,
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )


@architecture
def defaults(app: App) -> list[RegionMesh]:
    return joined(app, "Mesh", 2, lambda stack, number: RegionMesh(stack, "Mesh", vpc=imported(stack, number)))


@architecture
def all_options(app: App) -> list[RegionMesh]:
    """Existing networks in two Regions, with alarms."""
    return joined(app, "MeshAll", 2, with_all_options)


@architecture
def inside_a_stage(app: App) -> list[RegionMesh]:
    stage = Stage(app, "RegionMeshStage")
    return joined(stage, "Mesh", 2, lambda stack, number: RegionMesh(stack, "Mesh", vpc=imported(stack, number)))


@architecture
def two(app: App) -> list[RegionMesh]:
    return joined(app, "Two", 2, new)


@architecture
def four(app: App) -> list[RegionMesh]:
    return joined(app, "Four", 4, new)


architecture(example.build)
SNAPSHOTS = [defaults, all_options]
# The networks of the others are bare, without flow logs.
BUILDS = [*SNAPSHOTS, inside_a_stage, example.build]


@pytest.mark.parametrize("build", SNAPSHOTS, ids=lambda build: build.__name__)
def test_template(build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", SNAPSHOTS, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(RegionMesh, synthesis(example.build))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def kind_of(subnet: str) -> str:
    return next(kind for kind in ("Service", "Data", "Public") if kind in subnet)


@pytest.mark.parametrize("build", [two, example.build, four], ids=["two", "three", "four"])
def test_services_of_all_regions_reach_each_other_and_nothing_else_is_reached(
    build: Callable[..., Any], synthesis: Synthesis
) -> None:
    reached = reached_subnets(synthesis(build).templates)
    regions = {subnet.rpartition("/")[0] for subnet in reached}
    assert len(regions) == {two: 2, example.build: 3, four: 4}[build]
    for subnet, found in reached.items():
        home = subnet.rpartition("/")[0]
        inside = {other for other in reached if other.startswith(f"{home}/") and other != subnet}
        elsewhere = {other for other in reached if not other.startswith(f"{home}/") and kind_of(other) == "Service"}
        assert found == inside | (elsewhere if kind_of(subnet) == "Service" else set()), subnet


def pairs_between_regions(templates: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {
        (source, target)
        for source, found in reached_subnets(templates).items()
        for target in found
        if source.rpartition("/")[0] != target.rpartition("/")[0]
    }


ROUTING = (
    *("Custom::TransitGatewayPeering", "AWS::EC2::TransitGatewayRoute", "AWS::EC2::Route"),
    *("AWS::EC2::TransitGatewayRouteTableAssociation", "AWS::EC2::TransitGatewayVpcAttachment"),
)


def test_without_any_one_of_its_parts_somebody_is_not_reached(synthesis: Synthesis) -> None:
    whole = synthesis(two).templates
    expected = pairs_between_regions(whole)
    assert len(expected) == 8
    parts = [
        (stack, name)
        for stack, template in whole.items()
        for name, resource in template["Resources"].items()
        if resource["Type"] in ROUTING
    ]
    assert len(parts) == 15
    for stack, name in parts:
        broken = copy.deepcopy(whole)
        # Left where it is, for what names it, and without effect.
        broken[stack]["Resources"][name]["Type"] = "AWS::CloudFormation::WaitConditionHandle"
        if whole[stack]["Resources"][name]["Type"] == ROUTING[0]:
            attachment = whole[stack]["Resources"][name]["Properties"]["AttachmentId"]
            references = json.dumps({"Ref": name})
            text = json.dumps(broken).replace(references, json.dumps(attachment))
            broken = json.loads(text)
        assert pairs_between_regions(broken) < expected, name


def resources(template: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {name: one for name, one in template["Resources"].items() if one["Type"] == kind}


def test_no_region_is_the_way_to_a_third_one(synthesis: Synthesis) -> None:
    """Routes of one Region that lead to a third one by another end there: that has a table for what peers send."""
    templates = synthesis(four).templates
    expected = pairs_between_regions(templates)
    changed = copy.deepcopy(templates)
    mine = changed[f"Four-Peerings-{REGIONS[0]}"]
    routes = resources(mine, "AWS::EC2::TransitGatewayRoute")
    to_second = next(one for name, one in routes.items() if "uswest2" in name)["Properties"]
    for name, one in routes.items():
        if "saeast1" in name:
            one["Properties"]["TransitGatewayAttachmentId"] = to_second["TransitGatewayAttachmentId"]
    lost = expected - pairs_between_regions(changed)
    assert {(source.rpartition("/")[0], target.rpartition("/")[0]) for source, target in lost} == {
        (f"Four-{REGIONS[0]}", f"Four-{REGIONS[3]}")
    }


def test_a_zone_without_the_gateway_reaches_no_other_region(synthesis: Synthesis) -> None:
    changed = copy.deepcopy(synthesis(two).templates)
    here = f"Two-{REGIONS[0]}"
    (attachment,) = resources(changed[here], "AWS::EC2::TransitGatewayVpcAttachment").values()
    (left, gone) = attachment["Properties"]["SubnetIds"]
    attachment["Properties"]["SubnetIds"] = [left]
    sources = {source for source, _ in pairs_between_regions(changed)}
    assert f"{here}/{left['Ref']}" in sources
    assert f"{here}/{gone['Ref']}" not in sources


def test_gateways_that_send_a_packet_round_are_found(synthesis: Synthesis) -> None:
    changed = copy.deepcopy(synthesis(two).templates)
    home, other = (f"Two-{region}" for region in REGIONS[:2])
    (peering,) = resources(changed[f"Two-Peerings-{REGIONS[0]}"], "AWS::EC2::TransitGatewayPeeringAttachment").keys()
    for name in (home, other):
        for route in resources(changed[name], "AWS::EC2::TransitGatewayRoute").values():
            route["Properties"]["TransitGatewayAttachmentId"] = f"Two-Peerings-{REGIONS[0]}/{peering}"
            route["Properties"]["DestinationCidrBlock"] = "10.0.0.0/8"
    with pytest.raises(AssertionError, match=r"a packet to 10\.\d\.\d\.0 goes round in a circle"):
        reached_subnets(changed)


def test_addresses_that_are_not_known_yet_are_an_error() -> None:
    subnet = {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": "vpc-1", "CidrBlock": {"Ref": "Range"}}}
    with pytest.raises(AssertionError, match="One/Subnet: its address range is known at deployment only"):
        reached_subnets({"One": {"Resources": {"Subnet": subnet}}})


def test_each_pair_is_peered_once_and_accepted_by_the_other_region(synthesis: Synthesis) -> None:
    pairs = []
    for stack, template in synthesis(four).templates.items():
        peerings = resources(template, "AWS::EC2::TransitGatewayPeeringAttachment")
        accepted = resources(template, "Custom::TransitGatewayPeering").values()
        regions = {one["Properties"]["AttachmentId"]["Ref"]: one["Properties"]["Region"] for one in accepted}
        assert regions == {name: one["Properties"]["PeerRegion"] for name, one in peerings.items()}
        pairs += [frozenset({stack.removeprefix("Four-Peerings-"), region}) for region in regions.values()]
    assert len(pairs) == len(set(pairs)) == 6


def test_nothing_is_routed_before_a_peering_is_accepted(synthesis: Synthesis) -> None:
    template = synthesis(two).templates[f"Two-Peerings-{REGIONS[0]}"]
    (accepted,) = resources(template, "Custom::TransitGatewayPeering")
    routes = resources(template, "AWS::EC2::TransitGatewayRoute")
    for route in routes.values():
        assert route["Properties"]["TransitGatewayAttachmentId"] == {"Ref": accepted}
    for route in resources(template, "AWS::EC2::Route").values():
        assert set(route["DependsOn"]) <= set(routes)
    later = synthesis(two).templates[f"Two-Peerings-{REGIONS[1]}"]
    (output,) = {
        json.dumps(one["Properties"]["TransitGatewayAttachmentId"])
        for one in resources(later, "AWS::EC2::TransitGatewayRoute").values()
    }
    read = json.loads(output)["Fn::GetStackOutput"]
    assert template["Outputs"][read["OutputName"]]["Value"] == {"Ref": accepted}


def test_a_function_accepts_these_peerings_and_changes_nothing_else(synthesis: Synthesis) -> None:
    template = synthesis(four).templates[f"Four-Peerings-{REGIONS[0]}"]
    allowed: dict[str, list[str]] = {}
    for policy in resources(template, "AWS::IAM::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                allowed.setdefault(action, []).append(json.dumps(statement["Resource"]))
    assert {action for action in allowed if action.startswith("ec2:")} == {
        "ec2:AcceptTransitGatewayPeeringAttachment",
        "ec2:DescribeTransitGatewayPeeringAttachments",
    }
    accepting = allowed["ec2:AcceptTransitGatewayPeeringAttachment"]
    peerings = resources(template, "AWS::EC2::TransitGatewayPeeringAttachment")
    for name, one in peerings.items():
        (arn,) = [arn for arn in accepting if json.dumps({"Ref": name}) in arn]
        assert f":{one['Properties']['PeerRegion']}:" in arn
    assert "*" not in "".join(accepting)
    last = synthesis(four).templates[f"Four-Peerings-{REGIONS[3]}"]
    assert resources(last, "AWS::Lambda::Function") == {}, "the others have asked for its peerings"


def test_a_gateway_has_no_route_table_by_default_and_accepts_nobody(synthesis: Synthesis) -> None:
    for gateway in synthesis(all_options).resources("AWS::EC2::TransitGateway").values():
        properties = gateway["Properties"]
        assert properties["DefaultRouteTableAssociation"] == properties["DefaultRouteTablePropagation"] == "disable"
        assert properties["AutoAcceptSharedAttachments"] == "disable"
        assert properties["AmazonSideAsn"] in {64_601, 64_602}


def test_alarms_say_that_packets_are_dropped(synthesis: Synthesis) -> None:
    for mesh in synthesis(all_options).result:
        assert [alarm.node.id for alarm in mesh.alarms] == ["LostPeeringAlarm", "UnroutedPacketsAlarm"]
    for mesh in synthesis(two).result:
        assert mesh.alarms == []
    alarms = [one["Properties"] for one in synthesis(all_options).resources("AWS::CloudWatch::Alarm").values()]
    watched = {(one["Namespace"], one["MetricName"], one["Period"], one["EvaluationPeriods"]) for one in alarms}
    assert watched == {
        ("AWS/TransitGateway", "PacketDropCountBlackhole", 300, 1),
        ("AWS/TransitGateway", "PacketDropCountNoRoute", 300, 3),
    }


def test_existing_subnets_get_routes_in_their_tables(synthesis: Synthesis) -> None:
    template = synthesis(defaults).templates[f"Mesh-Peerings-{REGIONS[0]}"]
    routes = [one["Properties"] for one in resources(template, "AWS::EC2::Route").values()]
    assert {(one["RouteTableId"], one["DestinationCidrBlock"]) for one in routes} == {
        (table, block) for table in ("rtb-1a", "rtb-1b") for block in ("10.2.4.0/24", "10.2.8.0/24")
    }


@pytest.fixture(scope="module")
def deployment(deployed: Callable[[Callable[..., Any]], Deployment]) -> Deployment:
    return deployed(defaults)


def test_peerings_are_available_in_both_regions_once_the_stacks_are_there(
    deployment: Deployment, local_cloud: LocalCloud
) -> None:
    found = []
    for region in REGIONS[:2]:
        described = local_cloud.client("ec2", region).describe_transit_gateway_peering_attachments()
        found.append(described["TransitGatewayPeeringAttachments"])
    ((here,), (there,)) = found
    assert here == there
    assert here["State"] == "available"
    assert (here["RequesterTgwInfo"]["Region"], here["AccepterTgwInfo"]["Region"]) == REGIONS[:2]
    made = [deployment.resources[f"Mesh-{region}"].values() for region in REGIONS[:2]]
    assert here["RequesterTgwInfo"]["TransitGatewayId"] in made[0]
    assert here["AccepterTgwInfo"]["TransitGatewayId"] in made[1]


def _meshes(app: App, *cidrs: str, regions: tuple[str, ...] = REGIONS) -> list[RegionMesh]:
    made = []
    for number, (cidr, region) in enumerate(zip(cidrs, regions, strict=False)):
        stack = Stack(app, f"Network{number}", env=Environment(region=region))
        vpc = imported(stack, number + 1, vpc_cidr_block=cidr)
        made.append(RegionMesh(stack, "Mesh", vpc=vpc))
    return made


def _second(app: App, region: str = REGIONS[0], name: str = "Peerings") -> Stack:
    return Stack(app, name, env=Environment(region=region))


@pytest.mark.parametrize(
    ("cidrs", "overlap"),
    [
        (("10.1.0.0/16", "10.1.0.0/16"), "Network0/Mesh and Network1/Mesh, whose ranges 10.1.0.0/16 and 10.1.0.0/16"),
        (("10.1.0.0/16", "10.2.0.0/16", "10.2.128.0/20"), "Network1/Mesh and Network2/Mesh, whose ranges 10.2.0.0/16"),
        (("10.0.0.0/8", "10.2.0.0/16"), "ranges 10.0.0.0/8 and 10.2.0.0/16 overlap. Give each network a range"),
    ],
)
def test_networks_that_overlap_are_refused(cdk_app: App, cidrs: tuple[str, ...], overlap: str) -> None:
    meshes = _meshes(cdk_app, *cidrs)
    with pytest.raises(InvalidOptionError, match="meshes contains ") as error:
        meshes[0].add_peerings(_second(cdk_app), "Peerings", meshes=meshes)
    assert overlap in str(error.value)


def test_neighbours_do_not_overlap(cdk_app: App) -> None:
    meshes = _meshes(cdk_app, "10.1.0.0/17", "10.1.128.0/17")
    assert set(meshes[0].add_peerings(_second(cdk_app), "Peerings", meshes=meshes).attachments) == {REGIONS[1]}


def test_peerings_that_make_no_mesh_are_refused(cdk_app: App) -> None:
    first, second, third = meshes = _meshes(cdk_app, "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16")
    with pytest.raises(InvalidOptionError, match=r"meshes has 0 Regions beside ap-northeast-1\. Give those of 1 to 50"):
        first.add_peerings(_second(cdk_app, name="Alone"), "Peerings", meshes=[first])
    with pytest.raises(InvalidOptionError, match="scope is in Network0, the stack of this gateway"):
        first.add_peerings(Stack.of(first), "Peerings", meshes=meshes)
    with pytest.raises(InvalidOptionError, match="scope is in us-west-2, but the gateway is in ap-northeast-1"):
        first.add_peerings(_second(cdk_app, REGIONS[1], "Wrong"), "Peerings", meshes=meshes)
    first.add_peerings(_second(cdk_app), "Peerings", meshes=meshes)
    with pytest.raises(InvalidOptionError, match="meshes contains Network1/Mesh, which it is peered with"):
        first.add_peerings(_second(cdk_app, name="Again"), "Peerings", meshes=meshes)
    with pytest.raises(InvalidOptionError, match="meshes is without that of ap-northeast-1, which is peered with it"):
        second.add_peerings(_second(cdk_app, REGIONS[1], "Forgotten"), "Peerings", meshes=[second, third])


def test_two_of_one_region_and_another_account_are_refused(cdk_app: App) -> None:
    meshes = _meshes(cdk_app, "10.1.0.0/16", "10.2.0.0/16", regions=(REGIONS[0], REGIONS[0]))
    with pytest.raises(InvalidOptionError, match=r"both of ap-northeast-1\. Give one of each Region"):
        meshes[0].add_peerings(_second(cdk_app), "Peerings", meshes=meshes)
    made = []
    for number in (1, 2):
        env = Environment(account=f"{number}" * 12, region=REGIONS[number])
        stack = Stack(cdk_app, f"Account{number}", env=env)
        made.append(RegionMesh(stack, "Mesh", vpc=imported(stack, number)))
    second = Stack(cdk_app, "AccountPeerings", env=Environment(account="1" * 12, region=REGIONS[1]))
    with pytest.raises(InvalidOptionError, match="which are in different accounts"):
        made[0].add_peerings(second, "Peerings", meshes=made)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vpc_cidr_block": None}, "vpc is Network/Vpc, whose address range is not known"),
        ({"private_subnet_ipv4_cidr_blocks": None}, "vpc has Network/Vpc/PrivateSubnet1, whose CIDR block is not"),
        ({"private_subnet_route_table_ids": None}, "vpc has Network/Vpc/PrivateSubnet1, whose route table is not"),
        (
            {f"private_subnet_{name}": None for name in ("ids", "ipv4_cidr_blocks", "route_table_ids")},
            "vpc_subnets is missing, and Network/Vpc has no private ones. Name the subnets",
        ),
    ],
)
def test_a_network_that_is_not_known_is_refused(cdk_app: App, changes: dict[str, Any], message: str) -> None:
    stack = Stack(cdk_app, "Network", env=Environment(region=REGIONS[0]))
    with pytest.raises(InvalidOptionError, match=message):
        RegionMesh(stack, "Mesh", vpc=imported(stack, 1, **changes))


@pytest.mark.parametrize("number", [0, 64_511, 65_535])
def test_a_number_that_is_not_for_private_use_is_refused(cdk_app: App, number: int) -> None:
    stack = Stack(cdk_app, "Network", env=Environment(region=REGIONS[0]))
    with pytest.raises(InvalidOptionError, match=r"amazon_side_asn is .* Use 64,512 to 65,534"):
        RegionMesh(stack, "Mesh", vpc=imported(stack, 1), amazon_side_asn=number)


def test_a_stack_without_a_region_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Network")
    with pytest.raises(InvalidOptionError, match="env is missing: the stack names no Region"):
        RegionMesh(stack, "Mesh", vpc=imported(stack, 1))
