"""EC2: peerings of Transit Gateways are described in both Regions, and accepted in the one that was asked.

The gateways and their route tables are records only, and no packet passes.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import Patch
from cdp_constructs.local.kit.resources import Request, resource_of
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType

__all__ = ["ACTIONS", "RESOURCE_TYPES"]

_ec2: Any = ministack.module("services.ec2", "_error", "_p", "_parse_filters", "_parse_member_list", "_xml")
_responses: Any = ministack.module("core.responses", "get_account_id", "get_region")

_Response: TypeAlias = tuple[int, dict[str, str], bytes]
_ID = "TransitGatewayAttachmentId"
_BAD_REQUEST = 400


@dataclass
class _Peering:
    """A peering attachment."""

    attachment_id: str
    account: str
    requester: tuple[str, str]
    """Transit Gateway and Region."""
    accepter: tuple[str, str]
    state: str = "pendingAcceptance"

    @property
    def xml(self) -> str:
        sides = "".join(
            f"<{side}TgwInfo><transitGatewayId>{gateway}</transitGatewayId><ownerId>{self.account}</ownerId>"
            f"<region>{region}</region></{side}TgwInfo>"
            for side, (gateway, region) in (("requester", self.requester), ("accepter", self.accepter))
        )
        return (
            f"<transitGatewayAttachmentId>{self.attachment_id}</transitGatewayAttachmentId>{sides}"
            f"<state>{self.state}</state>"
        )


_peerings: dict[str, _Peering] = {}


def _create(_logical_id: str, properties: Properties, _stack_name: str) -> tuple[str, Attributes]:
    attachment_id = f"tgw-attach-{secrets.token_hex(8)}f"
    _peerings[attachment_id] = _Peering(
        attachment_id,
        _responses.get_account_id(),
        (properties["TransitGatewayId"], _responses.get_region()),
        (properties["PeerTransitGatewayId"], properties["PeerRegion"]),
    )
    return attachment_id, {_ID: attachment_id, "State": "pendingAcceptance"}


def _delete(physical_id: str, _properties: Properties) -> None:
    _peerings.pop(physical_id, None)


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    ResourceType(name="AWS::EC2::TransitGatewayPeeringAttachment", create=_create, delete=_delete),
)


def _of_request() -> Iterable[_Peering]:
    """Return the peerings of the account that have an end in the Region of the request."""
    account, region = _responses.get_account_id(), _responses.get_region()
    return [
        one for one in _peerings.values() if one.account == account and region in {one.requester[1], one.accepter[1]}
    ]


def _describe(request: Mapping[str, Any]) -> _Response:
    named = _ec2._parse_member_list(request, "TransitGatewayAttachmentIds")
    filtered = _ec2._parse_filters(request).get("transit-gateway-attachment-id", ())
    known = {one.attachment_id: one for one in _of_request()}
    if unknown := [one for one in named if one not in known]:
        return _unknown(unknown[0])
    wanted = [*named, *filtered] or list(known)
    items = "".join(f"<item>{known[one].xml}</item>" for one in wanted if one in known)
    name = "DescribeTransitGatewayPeeringAttachmentsResponse"
    answer: _Response = _ec2._xml(
        200, name, f"<transitGatewayPeeringAttachments>{items}</transitGatewayPeeringAttachments>"
    )
    return answer


def _accept(request: Mapping[str, Any]) -> _Response:
    asked = _ec2._p(request, _ID)
    peering = next((one for one in _of_request() if one.attachment_id == asked), None)
    if peering is None:
        return _unknown(asked)
    if peering.accepter[1] != _responses.get_region() or peering.state != "pendingAcceptance":
        message = f"{asked} is in invalid state"
        error: _Response = _ec2._error("IncorrectState", message, _BAD_REQUEST)
        return error
    peering.state = "available"
    item = f"<transitGatewayPeeringAttachment>{peering.xml}</transitGatewayPeeringAttachment>"
    answer: _Response = _ec2._xml(200, "AcceptTransitGatewayPeeringAttachmentResponse", item)
    return answer


def _unknown(attachment_id: str) -> _Response:
    message = f"Transit Gateway Attachment {attachment_id} was deleted or does not exist."
    error: _Response = _ec2._error("InvalidTransitGatewayAttachmentID.NotFound", message, _BAD_REQUEST)
    return error


_ACTIONS: Mapping[str, Callable[[Mapping[str, Any]], _Response]] = {
    "DescribeTransitGatewayPeeringAttachments": _describe,
    "AcceptTransitGatewayPeeringAttachment": _accept,
}


ACTIONS = Patch("ministack.services.ec2:_ACTION_MAP", lambda known: {**known, **_ACTIONS})
"""Operations that MiniStack does not have."""


@resource_of("ec2")
def _attachment(known: Callable[[bytes], str], request: Request) -> str:
    asked = request.query or {}
    if _ec2._p(asked, "Action") != "AcceptTransitGatewayPeeringAttachment":
        return known(request.body)
    return f"arn:aws:ec2:{request.region}:{request.account}:transit-gateway-attachment/{_ec2._p(asked, _ID)}"
