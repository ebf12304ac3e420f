"""EC2: the types that MiniStack's API has and its CloudFormation lacks, and attributes that templates ask for."""

from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType, Support

__all__ = ["RESOURCE_TYPES"]

_NO_NETWORK = "the network is described, but no packet passes: functions and clients talk over loopback"
_NO_MACHINE = "the instance is described, but no machine runs behind it"
_NO_PACKETS = "there is no traffic to log"


def _tagged(kind: str) -> Callable[[Properties], Properties]:
    """EC2 takes tags in the request that creates a resource, under the kind of resource."""

    def adapt(properties: Properties) -> Properties:
        tags = properties.get("Tags")
        return {**properties, "TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else properties

    return adapt


def _rule(properties: Properties) -> Properties:
    """A rule of a security group is flat in a template and an IpPermission with one source in the API."""
    described: dict[str, Any] = {"Description": properties["Description"]} if properties.get("Description") else {}
    sources: dict[str, dict[str, Any]] = {
        "IpRanges": {"CidrIp": properties.get("CidrIp")},
        "Ipv6Ranges": {"CidrIpv6": properties.get("CidrIpv6")},
        "PrefixListIds": {
            "PrefixListId": properties.get("SourcePrefixListId") or properties.get("DestinationPrefixListId")
        },
        "UserIdGroupPairs": {
            "GroupId": properties.get("SourceSecurityGroupId") or properties.get("DestinationSecurityGroupId")
        },
    }
    named = {name: [{**source, **described}] for name, source in sources.items() if any(source.values())}
    ports: Properties = {name: properties[name] for name in ("FromPort", "ToPort") if name in properties}
    permission: Properties = {"IpProtocol": properties["IpProtocol"], **ports, **named}
    return {"GroupId": properties["GroupId"], "IpPermissions": [permission]}


def _instance(properties: Properties) -> Properties:
    profile = properties.get("IamInstanceProfile")
    named = {"IamInstanceProfile": {"Name": profile}} if isinstance(profile, str) else {}
    return _tagged("instance")({**properties, **named, "MinCount": 1, "MaxCount": 1})


def _group_rule(direction: str) -> Api:
    return Api(
        service="ec2",
        create=f"authorize_security_group_{direction}",
        delete=f"revoke_security_group_{direction}",
        ref="Response.SecurityGroupRules[0].SecurityGroupRuleId",
        attributes={"Id": "Id"},
        key={"GroupId": "Properties.GroupId", "SecurityGroupRuleIds": "[Id]"},
        adapt=_rule,
    )


def _simple(operation: str, result: str, kind: str, **attributes: str) -> Api:
    """A resource that `create_<operation>` makes and that its answer holds under `<result>.<result>Id`."""
    return Api(
        service="ec2",
        create=f"create_{operation}",
        delete=f"delete_{operation}",
        ref=f"Response.{result}.{result}Id",
        key={f"{result}Id": "Id"},
        attributes=attributes,
        adapt=_tagged(kind),
    )


_APIS = {
    "EIP": Api(
        service="ec2",
        create="allocate_address",
        read="describe_addresses",
        delete="release_address",
        ref="Response.PublicIp",
        key={"PublicIps": "[Id]"},
        delete_key={"AllocationId": "Response.Addresses[0].AllocationId"},
        attributes={"PublicIp": "Id", "AllocationId": "Response.Addresses[0].AllocationId"},
        adapt=_tagged("elastic-ip"),
    ),
    "EIPAssociation": Api(
        service="ec2",
        create="associate_address",
        delete="disassociate_address",
        ref="Response.AssociationId",
        key={"AssociationId": "Id"},
        attributes={"Id": "Id"},
        renamed={"EIP": "PublicIp"},
    ),
    "NatGateway": _simple("nat_gateway", "NatGateway", "natgateway", NatGatewayId="Id"),
    "SecurityGroupIngress": _group_rule("ingress"),
    "SecurityGroupEgress": _group_rule("egress"),
    "NetworkAcl": _simple("network_acl", "NetworkAcl", "network-acl", Id="Id"),
    "NetworkAclEntry": Api(
        service="ec2",
        create="create_network_acl_entry",
        update="replace_network_acl_entry",
        delete="delete_network_acl_entry",
        ref="{Properties.NetworkAclId}|{Properties.RuleNumber}|{Properties.Egress || 'false'}",
        key={
            "NetworkAclId": "Properties.NetworkAclId",
            "RuleNumber": "Properties.RuleNumber",
            "Egress": "Properties.Egress || `false`",
        },
        attributes={"Id": "Id"},
        renamed={"Icmp": "IcmpTypeCode"},
        defaults={"Egress": False},
        adapt=lambda properties: {**properties, "Protocol": str(properties["Protocol"])},
        replacing=("NetworkAclId", "RuleNumber", "Egress"),
    ),
    "VPCPeeringConnection": _simple(
        "vpc_peering_connection", "VpcPeeringConnection", "vpc-peering-connection", Id="Id"
    ),
    "EgressOnlyInternetGateway": _simple(
        "egress_only_internet_gateway", "EgressOnlyInternetGateway", "egress-only-internet-gateway", Id="Id"
    ),
    "VPNGateway": _simple("vpn_gateway", "VpnGateway", "vpn-gateway", VPNGatewayId="Id"),
    "CustomerGateway": _simple("customer_gateway", "CustomerGateway", "customer-gateway", CustomerGatewayId="Id"),
    "VPNConnection": _simple("vpn_connection", "VpnConnection", "vpn-connection", VpnConnectionId="Id"),
    "NetworkInterface": Api(
        service="ec2",
        create="create_network_interface",
        delete="delete_network_interface",
        ref="Response.NetworkInterface.NetworkInterfaceId",
        key={"NetworkInterfaceId": "Id"},
        attributes={"Id": "Id", "PrimaryPrivateIpAddress": "Response.NetworkInterface.PrivateIpAddress"},
        renamed={"GroupSet": "Groups"},
        adapt=_tagged("network-interface"),
    ),
    "PrefixList": Api(
        service="ec2",
        create="create_managed_prefix_list",
        delete="delete_managed_prefix_list",
        ref="Response.PrefixList.PrefixListId",
        key={"PrefixListId": "Id"},
        attributes={"PrefixListId": "Id", "Arn": "arn:aws:ec2:{Region}:{Account}:prefix-list/{Id}"},
        adapt=lambda properties: {"MaxEntries": len(properties.get("Entries", [])) or 1, **properties},
    ),
    "KeyPair": Api(
        service="ec2",
        create="create_key_pair",
        delete="delete_key_pair",
        ref="Properties.KeyName",
        key={"KeyName": "Id"},
        attributes={"KeyPairId": "Response.KeyPairId", "KeyFingerprint": "Response.KeyFingerprint"},
        adapt=_tagged("key-pair"),
    ),
    "Volume": Api(
        service="ec2",
        create="create_volume",
        delete="delete_volume",
        ref="Response.VolumeId",
        key={"VolumeId": "Id"},
        attributes={"VolumeId": "Id"},
        adapt=_tagged("volume"),
    ),
    "VolumeAttachment": Api(
        service="ec2",
        create="attach_volume",
        delete="detach_volume",
        ref="{Properties.VolumeId}|{Properties.InstanceId}",
        key={"VolumeId": "Properties.VolumeId", "InstanceId": "Properties.InstanceId"},
        defaults={"Device": "/dev/sdf"},
    ),
    "PlacementGroup": Api(
        service="ec2",
        create="create_placement_group",
        delete="delete_placement_group",
        ref="Properties.GroupName",
        key={"GroupName": "Id"},
        attributes={"GroupName": "Id"},
        named="GroupName",
    ),
    "DHCPOptions": Api(
        service="ec2",
        create="create_dhcp_options",
        delete="delete_dhcp_options",
        ref="Response.DhcpOptions.DhcpOptionsId",
        key={"DhcpOptionsId": "Id"},
        attributes={"DhcpOptionsId": "Id"},
        adapt=lambda properties: {
            "DhcpConfigurations": [
                {"Key": key, "Values": properties[name] if isinstance(properties[name], list) else [properties[name]]}
                for name, key in {
                    "DomainName": "domain-name",
                    "DomainNameServers": "domain-name-servers",
                    "NtpServers": "ntp-servers",
                }.items()
                if properties.get(name)
            ]
        },
    ),
    "VPCDHCPOptionsAssociation": Api(
        service="ec2",
        create="associate_dhcp_options",
        delete="associate_dhcp_options",
        ref="{Properties.DhcpOptionsId}|{Properties.VpcId}",
        key={"VpcId": "Properties.VpcId", "DhcpOptionsId": "`default`"},
    ),
}

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    *(resource_type(f"AWS::EC2::{name}", api, Support.CONTROL_PLANE_ONLY, _NO_NETWORK) for name, api in _APIS.items()),
    resource_type(
        "AWS::EC2::FlowLog",
        Api(
            service="ec2",
            create="create_flow_logs",
            delete="delete_flow_logs",
            ref="Response.FlowLogIds[0]",
            key={"FlowLogIds": "[Id]"},
            attributes={"Id": "Id"},
            renamed={"ResourceId": "ResourceIds"},
            adapt=_tagged("vpc-flow-log"),
        ),
        Support.CONTROL_PLANE_ONLY,
        _NO_PACKETS,
    ),
    resource_type(
        "AWS::EC2::Instance",
        Api(
            service="ec2",
            create="run_instances",
            read="describe_instances",
            delete="terminate_instances",
            ref="Response.Instances[0].InstanceId",
            key={"InstanceIds": "[Id]"},
            attributes={
                "InstanceId": "Id",
                "AvailabilityZone": "Response.Reservations[0].Instances[0].Placement.AvailabilityZone",
                **{
                    attribute: f"Response.Reservations[0].Instances[0].{member}"
                    for attribute, member in {
                        "PrivateIp": "PrivateIpAddress",
                        "PublicIp": "PublicIpAddress",
                        "PrivateDnsName": "PrivateDnsName",
                        "PublicDnsName": "PublicDnsName",
                        "VpcId": "VpcId",
                    }.items()
                },
            },
            adapt=_instance,
        ),
        Support.CONTROL_PLANE_ONLY,
        _NO_MACHINE,
    ),
)


# Security groups of interface endpoints ask for these attributes, among others.
@after("AWS::EC2::VPC")
def _complete_vpc(vpc_id: str, properties: Properties, attributes: Attributes) -> None:
    attributes.setdefault("VpcId", vpc_id)
    attributes.setdefault("CidrBlock", properties.get("CidrBlock", ""))
    attributes.setdefault("CidrBlockAssociations", [])
    attributes.setdefault("Ipv6CidrBlocks", [])


@after("AWS::EC2::Subnet")
def _complete_subnet(subnet_id: str, properties: Properties, attributes: Attributes) -> None:
    attributes.setdefault("SubnetId", subnet_id)
    attributes.setdefault("VpcId", properties.get("VpcId", ""))
    attributes.setdefault("CidrBlock", properties.get("CidrBlock", ""))
    attributes.setdefault("Ipv6CidrBlocks", [])
