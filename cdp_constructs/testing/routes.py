"""Which route of a route table an address takes, as AWS chooses it."""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["contains", "longest_prefix"]


def contains(block: str, address: str) -> bool:
    """Tell whether an address is in a block."""
    return ipaddress.ip_address(address) in ipaddress.ip_network(block)


def longest_prefix(routes: Iterable[Mapping[str, Any]], address: str) -> Mapping[str, Any] | None:
    """Return the route with the longest prefix that an address has; None when there is none.

    Args:
        routes: With ``DestinationCidrBlock``, as Amazon EC2 describes them and as templates write them; others, such as
            those of IPv6 and of prefix lists, are left out, and so is one whose ``State`` is ``blackhole``.
        address: An IPv4 address.
    """
    fitting = [
        route
        for route in routes
        if "DestinationCidrBlock" in route
        and route.get("State") != "blackhole"
        and contains(route["DestinationCidrBlock"], address)
    ]
    return max(fitting, key=lambda route: ipaddress.ip_network(route["DestinationCidrBlock"]).prefixlen, default=None)
