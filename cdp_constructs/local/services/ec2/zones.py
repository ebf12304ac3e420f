"""EC2: the Availability Zones of subnets."""

from collections.abc import Iterable
from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["of_region", "of_subnet", "of_subnets"]

_ec2: Any = ministack.module("services.ec2", "_subnets")
_responses: Any = ministack.module("core.responses", "get_region")


def of_region() -> list[str]:
    """Return the zones of the Region of the request, which is where things go that name no subnet."""
    return [f"{_responses.get_region()}{letter}" for letter in "abc"]


def of_subnet(subnet: str) -> str:
    """Return the zone of a subnet; the first of the Region for one that EC2 does not know, as an imported one."""
    record = _ec2._subnets.get(subnet) or {}
    return str(record.get("AvailabilityZone") or of_region()[0])


def of_subnets(subnets: Iterable[str]) -> list[str]:
    """Return the zones of subnets, each once; those of the Region without subnets."""
    return list(dict.fromkeys(of_subnet(subnet) for subnet in subnets)) or of_region()
