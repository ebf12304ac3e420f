"""Route 53: which records answer a query from a place: simple, latency, weighted, failover, multivalue, geolocation.

As Route 53 does, an unhealthy record is left out, and when none of a group is healthy, all count as healthy. Records of
a geoproximity or an IP-based policy are not answered.
"""

import ipaddress
import random
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.places import PLACES, distance
from cdp_constructs.local.services.route53.health_checks import is_healthy

__all__ = ["NoSuchZoneError", "Resolved", "address_of", "answer", "is_known", "zone_of"]

_route53: Any = ministack.module("services.route53", "_records", "_zones")

_RecordSet: TypeAlias = Mapping[str, Any]
_MOST_VALUES = 8
_MOST_ALIASES = 8
_IPV4_ALIASES = ipaddress.ip_network("198.19.0.0/16")
_IPV6_ALIASES = ipaddress.ip_network("2001:db8::/32")
_draw = random.SystemRandom()


class NoSuchZoneError(LookupError):
    """There is no such hosted zone."""


@dataclass(frozen=True)
class Resolved:
    """A record set that answers, and for an alias of a resource the resource's own name."""

    record: _RecordSet
    target: str | None

    @property
    def values(self) -> list[str]:
        """What the answer contains: of an alias an address that stands for the resource, where nothing listens."""
        if self.target is None:
            return list(self.record.get("ResourceRecords", []))
        return [address_of(self.target, self.record["Type"])]


def address_of(target: str, record_type: str) -> str:
    """Return the made-up address of a resource, always the same: of the blocks of RFC 2544 and RFC 3849."""
    block = {"A": _IPV4_ALIASES, "AAAA": _IPV6_ALIASES}.get(record_type)
    return str(block[zlib.crc32(target.encode()) % (2**16 - 2) + 1]) if block else target


def _fully_qualified(name: str) -> str:
    return f"{name.rstrip('.').lower()}."


def zone_of(name: str) -> str:
    """Return the id of the public zone that is authoritative for a name: the one with the longest name.

    Raises:
        NoSuchZoneError: there is none.
    """
    wanted = _fully_qualified(name)
    zones = {
        zone["name"]: zone_id
        for zone_id, zone in _route53._zones.items()
        if not zone.get("private") and (wanted == zone["name"] or wanted.endswith(f".{zone['name']}"))
    }
    if not zones:
        raise NoSuchZoneError(f"no public hosted zone holds {name}")
    return str(zones[max(zones, key=len)])


def _of_name(zone_id: str, name: str) -> list[_RecordSet]:
    """Return the records of a name, or those of the wildcard that stands for it."""
    zone = _route53._zones.get(zone_id)
    if zone is None:
        raise NoSuchZoneError(f"No hosted zone found with ID: {zone_id}")
    wanted = _fully_qualified(name)
    candidates, parent = [wanted], wanted.partition(".")[2]
    while wanted != zone["name"] and parent.endswith(zone["name"]):
        # Route 53 writes the asterisk as an octal number.
        candidates += [f"\\052.{parent}", f"*.{parent}"]
        parent = parent.partition(".")[2]
    records = _route53._records.get(zone_id) or []
    found = ([record for record in records if record["Name"].lower() == one] for one in candidates)
    return next(filter(None, found), [])


def is_known(zone_id: str, name: str) -> bool:
    """Whether a zone has any record of a name."""
    return bool(_of_name(zone_id, name))


def _named(zone_id: str, name: str, record_type: str) -> list[_RecordSet]:
    """Return the records of a name and type; a CNAME stands for every type."""
    records = _of_name(zone_id, name)
    return [one for one in records if one["Type"] == record_type] or [one for one in records if one["Type"] == "CNAME"]


def _alias(zone_id: str, record: _RecordSet) -> str | None:
    """Return the name of an alias in the same zone."""
    target = record.get("AliasTarget")
    return target["DNSName"] if target and target["HostedZoneId"] == zone_id else None


def _is_up(zone_id: str, record: _RecordSet, place: str, depth: int) -> bool:
    if not is_healthy(record.get("HealthCheckId", "")):
        return False
    alias = _alias(zone_id, record)
    if alias is None or not record["AliasTarget"]["EvaluateTargetHealth"] or depth > _MOST_ALIASES:
        return True
    return any(_is_up(zone_id, one, place, depth + 1) for one in _named(zone_id, alias, record["Type"]))


def _nearest(records: list[_RecordSet], place: str) -> list[_RecordSet]:
    return [min(records, key=lambda record: (distance(place, record["Region"]), record["Region"]))]


def _by_weight(records: list[_RecordSet], _place: str) -> list[_RecordSet]:
    weights = [record["Weight"] for record in records]
    return _draw.choices(records, weights if any(weights) else None)


def _first_of_failover(records: list[_RecordSet], _place: str) -> list[_RecordSet]:
    return [min(records, key=lambda record: str(record["Failover"] != "PRIMARY"))]


def _several(records: list[_RecordSet], _place: str) -> list[_RecordSet]:
    return _draw.sample(records, min(len(records), _MOST_VALUES))


def _of_place(records: list[_RecordSet], place: str) -> list[_RecordSet]:
    where = PLACES[place]
    for wanted in ({"CountryCode": where.country}, {"ContinentCode": where.continent}, {"CountryCode": "*"}):
        if found := [record for record in records if dict(record["GeoLocation"]) == wanted]:
            return found
    return []


_POLICIES: Mapping[str, Callable[[list[_RecordSet], str], list[_RecordSet]]] = {
    "Region": _nearest,
    "Weight": _by_weight,
    "Failover": _first_of_failover,
    "MultiValueAnswer": _several,
    "GeoLocation": _of_place,
}


def _candidates(policy: str, records: list[_RecordSet], up: list[_RecordSet]) -> list[_RecordSet]:
    """Return the records that a policy chooses from."""
    if policy == "Weight":
        # A weight of 0 is answered only while nothing else is healthy.
        return [one for one in up if one["Weight"]] or up or [one for one in records if one["Weight"]] or records
    return up or records


def _choose(zone_id: str, records: list[_RecordSet], place: str, depth: int) -> list[_RecordSet]:
    policy = next((name for name in _POLICIES if any(name in record for record in records)), None)
    if policy is None:
        return [] if any("SetIdentifier" in record for record in records) else records
    up = [record for record in records if _is_up(zone_id, record, place, depth)]
    return _POLICIES[policy](_candidates(policy, records, up), place)


def _resolve(zone_id: str, name: str, record_type: str, place: str, depth: int = 0) -> Iterable[Resolved]:
    for record in _choose(zone_id, _named(zone_id, name, record_type), place, depth):
        alias = _alias(zone_id, record)
        if alias is not None and depth < _MOST_ALIASES:
            yield from _resolve(zone_id, alias, record["Type"], place, depth + 1)
        else:
            target = record.get("AliasTarget")
            yield Resolved(record, target["DNSName"].rstrip(".") if target else None)


def answer(zone_id: str, name: str, record_type: str, place: str) -> list[Resolved]:
    """Answer a query from a place; an empty list when the name has no such record.

    Raises:
        NoSuchZoneError: there is no such zone.
    """
    return list(_resolve(zone_id, name, record_type, place))
