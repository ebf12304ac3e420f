"""EC2: networks, which the API only describes, and attributes that templates refer to."""

from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType
from cdp_constructs.local.services.ec2.tags import tagged

__all__ = ["RESOURCE_TYPES"]


def _simple(operation: str, result: str, kind: str, **attributes: str) -> Api:
    """A resource that `create_<operation>` makes and that its answer holds under `<result>.<result>Id`."""
    return Api(
        service="ec2",
        create=f"create_{operation}",
        delete=f"delete_{operation}",
        ref=f"Response.{result}.{result}Id",
        key={f"{result}Id": "Id"},
        attributes=attributes,
        adapt=tagged(kind),
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
        adapt=tagged("elastic-ip"),
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
        adapt=tagged("network-interface"),
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
    *(resource_type(f"AWS::EC2::{name}", api) for name, api in _APIS.items()),
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
            adapt=tagged("vpc-flow-log"),
        ),
    ),
)


# Security groups of interface endpoints ask for these attributes, among others.
@after("AWS::EC2::VPC")
def _complete_vpc(vpc_id: str, _properties: Properties, attributes: Attributes) -> None:
    attributes.setdefault("VpcId", vpc_id)


@after("AWS::EC2::Subnet")
def _complete_subnet(subnet_id: str, properties: Properties, attributes: Attributes) -> None:
    attributes.setdefault("SubnetId", subnet_id)
    attributes.setdefault("VpcId", properties.get("VpcId", ""))
    attributes.setdefault("CidrBlock", properties.get("CidrBlock", ""))
