"""Which subnet reaches which, by the routes that templates make: inside a network and by Transit Gateways."""

import ipaddress
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cdp_constructs.testing.routes import contains, longest_prefix

__all__ = ["reached_subnets"]

_MOST_GATEWAYS = 8
_ACCEPTANCE = "Custom::TransitGatewayPeering"


def reached_subnets(templates: Mapping[str, Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """Return for each subnet those whose every address its packets reach, by what templates make.

    It follows, before anything is deployed, the route table of a subnet, the Transit Gateway with the route table of
    each attachment, peerings that are accepted, and the network at the end. A zone without an attachment reaches no
    gateway. Two subnets talk when each reaches the other. Security groups and network ACLs are not read::

        reached = reached_subnets(synthesis(two_regions).templates)
        assert reached["Tokyo/ServiceSubnet1"] == {"Tokyo/ServiceSubnet2", "Oregon/ServiceSubnet1"}

    Args:
        templates: By the name of their stack; of several Regions those of all of them.

    Returns:
        By the stack's name and the logical id of the subnet; without itself.

    Raises:
        AssertionError: for an address range that is not known, and for gateways that send a packet round in a circle.
    """
    networks = _Networks(templates)
    return {
        source: frozenset(
            target for target in networks.subnets if target != source and networks.reaches(source, target)
        )
        for source in networks.subnets
    }


@dataclass(frozen=True)
class _Networks:
    """The networks of some templates; what a resource is called is its stack and its logical id."""

    templates: Mapping[str, Mapping[str, Any]]

    def _all(self, kind: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Yield stack, logical id and properties of the resources of a type."""
        for stack, template in self.templates.items():
            for logical_id, resource in template.get("Resources", {}).items():
                if resource["Type"] == kind:
                    yield stack, logical_id, resource.get("Properties", {})

    def _of(self, kind: str, *references: str) -> dict[str, dict[str, Any]]:
        """Return the resources of a type of EC2, with names in the place of references to others."""
        return {
            f"{stack}/{logical_id}": {
                **properties,
                **{name: self._name(stack, properties[name]) for name in references if name in properties},
            }
            for stack, logical_id, properties in self._all(f"AWS::EC2::{kind}")
        }

    def _name(self, stack: str, value: Any) -> str:
        """Return the name of what a value refers to, in any of the templates."""
        if isinstance(value, str):
            return value
        ((function, reference),) = value.items()
        if function == "Ref":
            return self._accepted(stack, reference)
        if function == "Fn::GetAtt":
            return self._accepted(stack, reference[0])
        for other, template in self.templates.items():
            for name, output in template.get("Outputs", {}).items():
                exported = function == "Fn::ImportValue" and output.get("Export", {}).get("Name") == reference
                read = function == "Fn::GetStackOutput" and (other, name) == (
                    reference["StackName"],
                    reference["OutputName"],
                )
                if exported or read:
                    return self._name(other, output["Value"])
        message = f"{stack}: {json.dumps(value)} refers to nothing in these templates"
        raise AssertionError(message)

    def _accepted(self, stack: str, logical_id: str) -> str:
        """Return the name of a resource; of the acceptance of a peering, that of the attachment that it returns."""
        resource = self.templates[stack]["Resources"].get(logical_id, {})
        if resource.get("Type") == _ACCEPTANCE:
            return self._name(stack, resource["Properties"]["AttachmentId"])
        return f"{stack}/{logical_id}"

    @cached_property
    def subnets(self) -> dict[str, dict[str, Any]]:
        found = self._of("Subnet", "VpcId")
        if unknown := [name for name, subnet in found.items() if not isinstance(subnet.get("CidrBlock"), str)]:
            message = f"{unknown[0]}: its address range is known at deployment only"
            raise AssertionError(message)
        return found

    @cached_property
    def _ranges(self) -> dict[str, str]:
        return {name: str(vpc["CidrBlock"]) for name, vpc in self._of("VPC").items()}

    @cached_property
    def _routes(self) -> dict[str, list[dict[str, Any]]]:
        """The routes of each subnet, without that to its own network."""
        table_of = {
            one["SubnetId"]: one["RouteTableId"]
            for one in self._of("SubnetRouteTableAssociation", "SubnetId", "RouteTableId").values()
        }
        routes = self._of("Route", "RouteTableId", "TransitGatewayId").values()
        return {
            subnet: [route for route in routes if route["RouteTableId"] == table_of.get(subnet)]
            for subnet in self.subnets
        }

    @cached_property
    def _attachments(self) -> dict[str, dict[str, Any]]:
        """The attachments of networks."""
        found = self._of("TransitGatewayVpcAttachment", "TransitGatewayId", "VpcId")
        for name, attachment in found.items():
            stack = name.rpartition("/")[0]
            subnets = [self.subnets[self._name(stack, one)] for one in attachment["SubnetIds"]]
            attachment["Zones"] = [json.dumps(subnet["AvailabilityZone"]) for subnet in subnets]
        return found

    @cached_property
    def _peerings(self) -> dict[str, frozenset[str]]:
        """The gateways at both ends of each peering that is accepted."""
        accepted = {self._name(stack, properties["AttachmentId"]) for stack, _, properties in self._all(_ACCEPTANCE)}
        peerings = self._of("TransitGatewayPeeringAttachment", "TransitGatewayId", "PeerTransitGatewayId")
        return {
            name: frozenset({one["TransitGatewayId"], one["PeerTransitGatewayId"]})
            for name, one in peerings.items()
            if name in accepted
        }

    @cached_property
    def _tables(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """The routes for what comes to a gateway by an attachment."""
        gateway_of = {
            name: one["TransitGatewayId"]
            for name, one in self._of("TransitGatewayRouteTable", "TransitGatewayId").items()
        }
        names = ("TransitGatewayAttachmentId", "TransitGatewayRouteTableId")
        routes = self._of("TransitGatewayRoute", *names).values()
        return {
            (gateway_of[one[names[1]]], one[names[0]]): [route for route in routes if route[names[1]] == one[names[1]]]
            for one in self._of("TransitGatewayRouteTableAssociation", *names).values()
        }

    def reaches(self, source: str, target: str) -> bool:
        """Tell whether packets of a subnet reach the first and the last address of another one."""
        block = ipaddress.ip_network(self.subnets[target]["CidrBlock"])
        network = self.subnets[target]["VpcId"]
        return all(self._arrives(source, str(address)) == network for address in (block[0], block[-1]))

    def _arrives(self, source: str, address: str) -> str | None:
        """Return the network in which a packet to an address ends; None for nowhere, and for the internet."""
        home = self.subnets[source]
        if contains(self._ranges[home["VpcId"]], address):
            return str(home["VpcId"])
        gateway = (longest_prefix(self._routes[source], address) or {}).get("TransitGatewayId")
        if gateway is None:
            return None
        zone = json.dumps(home["AvailabilityZone"])
        attachments = (
            name
            for name, one in self._attachments.items()
            if (one["TransitGatewayId"], one["VpcId"]) == (gateway, home["VpcId"]) and zone in one["Zones"]
        )
        return self._through(gateway, next(attachments, None), address)

    def _through(self, gateway: str, attachment: str | None, address: str) -> str | None:
        """Follow a packet from the attachment by which it comes to a gateway."""
        for _ in range(_MOST_GATEWAYS):
            routes = self._tables.get((gateway, attachment or ""), [])
            attachment = (longest_prefix(routes, address) or {}).get("TransitGatewayAttachmentId")
            if attachment is None:
                return None
            if attachment in self._attachments:
                network = str(self._attachments[attachment]["VpcId"])
                return network if contains(self._ranges[network], address) else None
            if attachment not in self._peerings:
                return None
            (gateway,) = self._peerings[attachment] - {gateway}
        message = f"a packet to {address} goes round in a circle, by {attachment} and {gateway}"
        raise AssertionError(message)
