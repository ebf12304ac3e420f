"""What templates ask of networks, parameters and CloudFront functions: values that CloudFormation makes itself."""

import ipaddress
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud


def _select(index: int, value: Any) -> dict[str, Any]:
    return {"Fn::Select": [index, value]}


def _attribute(logical_id: str, name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, name]}


def _vpc(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::EC2::VPC", "Properties": properties}


def test_a_vpc_with_two_stacks_of_addresses_gives_its_subnets_ranges_of_ipv6(cloud: LocalCloud, stacks: Any) -> None:
    blocks = {"Fn::Cidr": [_select(0, _attribute("Vpc", "Ipv6CidrBlocks")), 8, "64"]}
    outputs = stacks.deploy(
        {
            "Resources": {
                "Vpc": _vpc(CidrBlock="10.0.0.0/16"),
                "Range": {
                    "Type": "AWS::EC2::VPCCidrBlock",
                    "Properties": {"VpcId": {"Ref": "Vpc"}, "AmazonProvidedIpv6CidrBlock": True},
                },
                "Subnet": {
                    "Type": "AWS::EC2::Subnet",
                    "DependsOn": "Range",
                    "Properties": {
                        "VpcId": {"Ref": "Vpc"},
                        "CidrBlock": "10.0.0.0/24",
                        "Ipv6CidrBlock": _select(1, blocks),
                    },
                },
            },
            "Outputs": {
                "Vpc": {"Value": {"Ref": "Vpc"}},
                "Subnet": {"Value": {"Ref": "Subnet"}},
                "Range": {"Value": _select(0, _attribute("Vpc", "Ipv6CidrBlocks"))},
            },
        }
    )
    ec2 = cloud.client("ec2")
    [subnet] = ec2.describe_subnets(SubnetIds=[outputs["Subnet"]])["Subnets"]
    [vpc] = ec2.describe_vpcs(VpcIds=[outputs["Vpc"]])["Vpcs"]
    whole = ipaddress.IPv6Network(outputs["Range"])
    part = ipaddress.IPv6Network(subnet["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"])
    assert (whole.prefixlen, part.prefixlen) == (56, 64)
    assert part.subnet_of(whole)
    assert part != next(whole.subnets(new_prefix=64)), "the second one was asked for"
    assert [item["Ipv6CidrBlock"] for item in vpc["Ipv6CidrBlockAssociationSet"]] == [str(whole)]


def test_vpcs_from_a_pool_get_ranges_that_do_not_overlap(stacks: Any) -> None:
    of_pool = {"Ipv4IpamPoolId": {"Ref": "Pool"}, "Ipv4NetmaskLength": 18}
    outputs = stacks.deploy(
        {
            "Resources": {
                "Ipam": {"Type": "AWS::EC2::IPAM", "Properties": {"OperatingRegions": [{"RegionName": "us-east-1"}]}},
                "Pool": {
                    "Type": "AWS::EC2::IPAMPool",
                    "Properties": {
                        "AddressFamily": "ipv4",
                        "IpamScopeId": _attribute("Ipam", "PrivateDefaultScopeId"),
                        "ProvisionedCidrs": [{"Cidr": "10.2.0.0/17"}],
                    },
                },
                "One": _vpc(**of_pool),
                "Two": {**_vpc(**of_pool), "DependsOn": "One"},
                "Subnet": {
                    "Type": "AWS::EC2::Subnet",
                    "Properties": {
                        "VpcId": {"Ref": "One"},
                        "CidrBlock": _select(0, {"Fn::Cidr": [_attribute("One", "CidrBlock"), 4, "8"]}),
                    },
                },
            },
            "Outputs": {name: {"Value": _attribute(name, "CidrBlock")} for name in ("One", "Two", "Subnet")},
        }
    )
    assert outputs == {"One": "10.2.0.0/18", "Two": "10.2.64.0/18", "Subnet": "10.2.0.0/24"}


def test_a_pool_without_a_free_range_is_refused(stacks: Any) -> None:
    pool = {
        "Type": "AWS::EC2::IPAMPool",
        "Properties": {"AddressFamily": "ipv4", "IpamScopeId": "s", "ProvisionedCidrs": [{"Cidr": "10.9.0.0/24"}]},
    }
    vpc = _vpc(Ipv4IpamPoolId={"Ref": "Pool"}, Ipv4NetmaskLength=16)
    with pytest.raises(AssertionError, match="has no free range with a netmask of /16"):
        stacks.deploy({"Resources": {"Pool": pool, "Vpc": vpc}})


@pytest.mark.parametrize("prefix", ["SSM", "aws"])
def test_a_parameter_without_a_name_gets_one_that_does_not_begin_with_the_stack(
    stacks: Any, name: Callable[[str], str], prefix: str
) -> None:
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x"}}
    outputs = stacks.deploy(
        {"Resources": {"Parameter": parameter}, "Outputs": {"Name": {"Value": {"Ref": "Parameter"}}}},
        name=name(f"{prefix}-parameter"),
    )
    assert outputs["Name"].startswith("CFN-Parameter-")


@pytest.mark.parametrize(("published", "stage"), [(True, "LIVE"), (False, "DEVELOPMENT")])
def test_a_function_of_cloudfront_has_a_stage(stacks: Any, published: bool, stage: str) -> None:
    function = {
        "Type": "AWS::CloudFront::Function",
        "Properties": {
            "Name": f"stage-{stage}",
            "AutoPublish": published,
            "FunctionCode": "function handler(event) { return event.request }",
            "FunctionConfig": {"Comment": "", "Runtime": "cloudfront-js-2.0"},
        },
    }
    outputs = stacks.deploy(
        {"Resources": {"Function": function}, "Outputs": {"Stage": {"Value": _attribute("Function", "Stage")}}}
    )
    assert outputs["Stage"] == stage
