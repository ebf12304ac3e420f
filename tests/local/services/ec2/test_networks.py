"""EC2 and WAF: what templates describe is what the API answers, and it goes with the stack."""

import copy
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud

GROUP = {"Fn::GetAtt": ["Group", "GroupId"]}
NETWORK: dict[str, Any] = {
    "Resources": {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": {"CidrBlock": "10.0.0.0/24", "VpcId": {"Ref": "Vpc"}}},
        "Address": {
            "Type": "AWS::EC2::EIP",
            "Properties": {"Domain": "vpc", "Tags": [{"Key": "use", "Value": "nat"}]},
        },
        "Nat": {
            "Type": "AWS::EC2::NatGateway",
            "Properties": {
                "SubnetId": {"Ref": "Subnet"},
                "AllocationId": {"Fn::GetAtt": ["Address", "AllocationId"]},
            },
        },
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"GroupDescription": "members", "VpcId": {"Ref": "Vpc"}},
        },
        "Ingress": {
            "Type": "AWS::EC2::SecurityGroupIngress",
            "Properties": {
                "GroupId": GROUP,
                "IpProtocol": "tcp",
                "FromPort": 443,
                "ToPort": "443",
                "SourceSecurityGroupId": GROUP,
            },
        },
        "Egress": {
            "Type": "AWS::EC2::SecurityGroupEgress",
            "Properties": {
                "GroupId": GROUP,
                "IpProtocol": "tcp",
                "FromPort": 80,
                "ToPort": 80,
                "CidrIp": "192.0.2.0/24",
            },
        },
        "Log": {"Type": "AWS::Logs::LogGroup"},
        "Flow": {
            "Type": "AWS::EC2::FlowLog",
            "Properties": {
                "ResourceId": {"Ref": "Vpc"},
                "ResourceType": "VPC",
                "TrafficType": "ALL",
                "LogGroupName": {"Ref": "Log"},
            },
        },
        "Instance": {
            "Type": "AWS::EC2::Instance",
            "Properties": {
                "ImageId": "ami-12345678",
                "InstanceType": "t4g.nano",
                "SubnetId": {"Ref": "Subnet"},
                "SecurityGroupIds": [GROUP],
            },
        },
    },
    "Outputs": {
        **{
            name: {"Value": {"Ref": name}}
            for name in ("Address", "Nat", "Group", "Ingress", "Egress", "Flow", "Instance", "Subnet")
        },
        "AllocationId": {"Value": {"Fn::GetAtt": ["Address", "AllocationId"]}},
        "PrivateIp": {"Value": {"Fn::GetAtt": ["Instance", "PrivateIp"]}},
        "VpcCidr": {"Value": {"Fn::GetAtt": ["Vpc", "CidrBlock"]}},
    },
}


@pytest.fixture(scope="module")
def network(stacks: Any) -> dict[str, str]:
    outputs: dict[str, str] = stacks.deploy(NETWORK, name="network")
    return outputs


def test_references_are_what_cloudformation_gives(cloud: LocalCloud, network: dict[str, str]) -> None:
    ec2 = cloud.client("ec2")
    [address] = ec2.describe_addresses(PublicIps=[network["Address"]])["Addresses"]
    [gateway] = ec2.describe_nat_gateways(NatGatewayIds=[network["Nat"]])["NatGateways"]
    [reservation] = ec2.describe_instances(InstanceIds=[network["Instance"]])["Reservations"]

    assert address["AllocationId"] == network["AllocationId"]
    assert {"Key": "use", "Value": "nat"} in address["Tags"]
    assert (gateway["State"], gateway["SubnetId"]) == ("available", network["Subnet"])
    assert reservation["Instances"][0]["PrivateIpAddress"] == network["PrivateIp"]
    assert network["Ingress"].startswith("sgr-")
    assert network["Egress"].startswith("sgr-")
    assert network["VpcCidr"] == "10.0.0.0/16"


def _rules(cloud: LocalCloud, group: str) -> dict[str, list[Any]]:
    [found] = cloud.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
    return {
        "in": [(rule["FromPort"], rule["UserIdGroupPairs"][0]["GroupId"]) for rule in found["IpPermissions"]],
        "out": [rule["FromPort"] for rule in found["IpPermissionsEgress"] if "FromPort" in rule],
    }


def test_rules_of_a_security_group_follow_the_template(cloud: LocalCloud, stacks: Any, network: dict[str, str]) -> None:
    assert _rules(cloud, network["Group"]) == {"in": [(443, network["Group"])], "out": [80]}

    changed = copy.deepcopy(NETWORK)
    changed["Resources"]["Ingress"]["Properties"]["FromPort"] = 442
    outputs = stacks.deploy(changed, name="network")

    assert _rules(cloud, network["Group"])["in"] == [(442, network["Group"])]
    assert {name for name in network if outputs[name] != network[name]} == {"Ingress"}


def test_a_network_leaves_nothing(cloud: LocalCloud, stacks: Any) -> None:
    outputs = stacks.deploy(NETWORK, name="passing", region="eu-west-1")
    stacks.delete("passing", region="eu-west-1")

    ec2 = cloud.client("ec2", region="eu-west-1")
    assert not ec2.describe_addresses()["Addresses"]
    assert not ec2.describe_flow_logs()["FlowLogs"]
    assert {gateway["State"] for gateway in ec2.describe_nat_gateways()["NatGateways"]} <= {"deleted"}
    states = [
        instance["State"]["Name"]
        for reservation in ec2.describe_instances()["Reservations"]
        for instance in reservation["Instances"]
        if instance["InstanceId"] == outputs["Instance"]
    ]
    assert set(states) <= {"terminated"}
