"""EC2: security groups decide who may connect to tasks, databases and caches.

https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["INSIDE", "OUTSIDE", "Party", "check", "has_groups", "refusal"]

_ec2: Any = ministack.module("services.ec2", "_prefix_lists", "_security_groups")

_ANYWHERE = IPv4Network("0.0.0.0/0")
_PROTOCOLS = frozenset({"-1", "tcp", "6"})
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Party:
    """One end of a connection.

    Attributes:
        name: What it is, for the log.
        groups: Its security groups.
        blocks: The address blocks of its subnets; a rule of a block counts when that holds one of them whole.
        is_trusted: Whether it is the service itself, whom no rule keeps out.
    """

    name: str
    groups: tuple[str, ...] = ()
    blocks: tuple[IPv4Network, ...] = ()
    is_trusted: bool = False


OUTSIDE = Party("a client outside of the VPC")
INSIDE = Party("the service itself", is_trusted=True)


def _known(groups: Iterable[str]) -> list[Mapping[str, Any]]:
    wanted = set(groups)
    return [each for each in list(_ec2._security_groups.all_values()) if each["GroupId"] in wanted]


def has_groups(party: Party) -> bool:
    """Whether rules say who may connect: one without groups, or with those of elsewhere only, is open."""
    return bool(_known(party.groups))


def _blocks(rule: Mapping[str, Any]) -> Iterator[IPv4Network]:
    for each in rule.get("IpRanges") or []:
        yield IPv4Network(each["CidrIp"], strict=False)
    wanted = {each["PrefixListId"] for each in rule.get("PrefixListIds") or []}
    for prefix_list in list(_ec2._prefix_lists.all_values()) if wanted else []:
        if prefix_list["PrefixListId"] in wanted:
            for entry in prefix_list.get("Entries") or []:
                yield IPv4Network(entry["Cidr"], strict=False)


def _is_for(rule: Mapping[str, Any], party: Party, port: int) -> bool:
    protocol = str(rule.get("IpProtocol", "-1"))
    if protocol not in _PROTOCOLS:
        return False
    if protocol != "-1" and not int(rule.get("FromPort", 0)) <= port <= int(rule.get("ToPort", 65535)):
        return False
    pairs = rule.get("UserIdGroupPairs") or []
    names = {group["GroupName"] for group in _known(party.groups)}
    if any(pair.get("GroupId") in party.groups or pair.get("GroupName") in names for pair in pairs):
        return True
    return any(block == _ANYWHERE or any(own.subnet_of(block) for own in party.blocks) for block in _blocks(rule))


def _side(party: Party, rules: str, other: Party, port: int) -> str:
    groups = _known(party.groups)
    if not groups or any(_is_for(rule, other, port) for group in groups for rule in group.get(rules) or []):
        return ""
    direction = "ingress" if rules == "IpPermissions" else "egress"
    return f"no {direction} rule of {', '.join(sorted(group['GroupId'] for group in groups))} allows it"


def refusal(source: Party, target: Party, port: int) -> str:
    """Return why a connection is refused, or nothing when it is allowed."""
    if source.is_trusted:
        return ""
    return _side(source, "IpPermissionsEgress", target, port) or _side(target, "IpPermissions", source, port)


def check(source: Party, target: Party, port: int) -> str:
    """Return why a connection is refused, which the log tells, too; nothing when it is allowed.

    On AWS it times out, and only flow logs tell.
    """
    reason = refusal(source, target, port)
    if reason:
        groups = f" ({', '.join(source.groups)})" if source.groups else ""
        _logger.warning("refused %s%s to %s at port %d: %s", source.name, groups, target.name, port, reason)
    return reason
