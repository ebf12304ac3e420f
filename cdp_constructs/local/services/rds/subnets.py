"""RDS: the subnets of DB subnet groups."""

from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["of_group"]

_rds: Any = ministack.module("services.rds", "_subnet_groups")


def of_group(account: str, region: str, name: str) -> list[str]:
    """Return the ids of the subnets of a group, whose name is one of its account and Region; none without it."""
    group = _rds._subnet_groups.get_scoped(account, region, name) or {}
    return [str(each["SubnetIdentifier"]) for each in group.get("Subnets", [])]
