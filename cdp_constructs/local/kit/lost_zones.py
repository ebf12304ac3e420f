"""The Availability Zones that a drill has taken away; services ask here where something may run."""

from collections import Counter
from collections.abc import Iterable

__all__ = ["LOST", "is_lost", "least_used"]

LOST: set[str] = set()


def is_lost(zone: str | None) -> bool:
    """Whether nothing runs in a zone, for example `eu-west-1a`."""
    return zone in LOST


def least_used(zones: Iterable[str], used: Iterable[str]) -> str | None:
    """Return the zone with the fewest of what is spread over zones, the first of several; None when all are lost.

    Args:
        zones: Where it may be.
        used: The zone of each that is there already.
    """
    counts = Counter(used)
    return min((zone for zone in zones if zone not in LOST), key=lambda zone: counts[zone], default=None)
