"""EC2: rules of security groups that are resources of their own."""

from typing import Any

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import Properties, ResourceType

__all__ = ["RESOURCE_TYPES"]


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


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type("AWS::EC2::SecurityGroupIngress", _group_rule("ingress")),
    resource_type("AWS::EC2::SecurityGroupEgress", _group_rule("egress")),
)
