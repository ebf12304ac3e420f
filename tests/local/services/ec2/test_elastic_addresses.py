"""EC2: each NAT gateway of a template has its own address, and a request for one address is answered with that one."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.conftest import Stacks

ZONES = ("A", "B")
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": {"CidrBlock": "10.0.0.0/24", "VpcId": {"Ref": "Vpc"}}},
        **{f"Address{zone}": {"Type": "AWS::EC2::EIP", "Properties": {"Domain": "vpc"}} for zone in ZONES},
        **{
            f"Gateway{zone}": {
                "Type": "AWS::EC2::NatGateway",
                "Properties": {
                    "SubnetId": {"Ref": "Subnet"},
                    "AllocationId": {"Fn::GetAtt": [f"Address{zone}", "AllocationId"]},
                },
            }
            for zone in ZONES
        },
    },
    "Outputs": {
        **{f"Address{zone}": {"Value": {"Fn::GetAtt": [f"Address{zone}", "PublicIp"]}} for zone in ZONES},
        **{f"Gateway{zone}": {"Value": {"Ref": f"Gateway{zone}"}} for zone in ZONES},
    },
}


def test_each_gateway_is_described_with_its_own_address(cloud: LocalCloud, stacks: Stacks) -> None:
    outputs = stacks.deploy(TEMPLATE, name="addresses-of-zones")
    ec2 = cloud.client("ec2")
    assert outputs["AddressA"] != outputs["AddressB"]
    for zone in ZONES:
        address = outputs[f"Address{zone}"]
        (gateway,) = ec2.describe_nat_gateways(NatGatewayIds=[outputs[f"Gateway{zone}"]])["NatGateways"]
        assert [one["PublicIp"] for one in gateway["NatGatewayAddresses"]] == [address]
        (found,) = ec2.describe_addresses(PublicIps=[address])["Addresses"]
        assert found["PublicIp"] == address
        (filtered,) = ec2.describe_addresses(Filters=[{"Name": "public-ip", "Values": [address]}])["Addresses"]
        assert filtered["AllocationId"] == found["AllocationId"]
    assert ec2.describe_addresses(Filters=[{"Name": "public-ip", "Values": ["198.51.100.1"]}])["Addresses"] == []
    with pytest.raises(ClientError, match=r"InvalidAddress\.NotFound"):
        ec2.describe_addresses(PublicIps=["198.51.100.1"])
    stacks.delete("addresses-of-zones")
    left = {address["PublicIp"] for address in ec2.describe_addresses()["Addresses"]}
    assert left.isdisjoint({outputs["AddressA"], outputs["AddressB"]})
