"""EC2: an Elastic IP address is found by itself, and a NAT gateway is described with the one that partners see.

MiniStack answers a request for one address with all of them, so that every NAT gateway of a stack got the first one,
and leaves the address out of what it says of a gateway.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_ec2: Any = ministack.module(
    "services.ec2", "_addresses", "_error", "_nat_gateways", "_parse_filters", "_parse_member_list"
)

_Response: TypeAlias = tuple[int, dict[str, str], bytes]
_GATEWAY = re.compile(r"<natGatewayId>(?P<id>[^<]*)</natGatewayId>(?P<rest>.*?)<natGatewayAddressSet/>", re.DOTALL)
_BAD_REQUEST = 400


@patch("ministack.services.ec2:_ACTION_MAP[DescribeAddresses]")
def _addresses(original: Callable[[Mapping[str, Any]], _Response], request: Mapping[str, Any]) -> _Response:
    asked = _ec2._parse_member_list(request, "PublicIp")
    named = [*asked, *_ec2._parse_filters(request).get("public-ip", ())]
    if not named:
        return original(request)
    by_ip = {address["PublicIp"]: allocation for allocation, address in _ec2._addresses.items()}
    if unknown := [ip for ip in asked if ip not in by_ip]:
        error: _Response = _ec2._error("InvalidAddress.NotFound", f"Address '{unknown[0]}' not found.", _BAD_REQUEST)
        return error
    # Nothing has an id that nobody has.
    found = [by_ip[ip] for ip in named if ip in by_ip] or ["eipalloc-none"]
    return original({**request, **{f"AllocationId.{number}": [one] for number, one in enumerate(found, start=1)}})


@patch("ministack.services.ec2:_ACTION_MAP[DescribeNatGateways]")
def _nat_gateways(original: Callable[[Mapping[str, Any]], _Response], request: Mapping[str, Any]) -> _Response:
    status, headers, body = original(request)
    return status, headers, _GATEWAY.sub(_with_address, body.decode()).encode()


def _with_address(found: re.Match[str]) -> str:
    allocation = (_ec2._nat_gateways.get(found["id"]) or {}).get("AllocationId", "")
    address = _ec2._addresses.get(allocation)
    if address is None:  # a private one, or an address of elsewhere
        return found[0]
    item = (
        f"<item><allocationId>{allocation}</allocationId><publicIp>{address['PublicIp']}</publicIp>"
        "<isPrimary>true</isPrimary><status>succeeded</status></item>"
    )
    addresses = f"<natGatewayAddressSet>{item}</natGatewayAddressSet>"
    return f"<natGatewayId>{found['id']}</natGatewayId>{found['rest']}{addresses}"
