"""Entries, and how they are written as items."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Entry", "milliseconds", "read_entry", "text"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One member of a group, as its newest write says."""

    group: str
    member: str
    data: dict[str, Any]
    """What the member's heartbeats keep here."""
    since: float
    """Epoch seconds of the heartbeat that started this stay; lapsing and leaving end a stay."""
    at: float
    """Epoch seconds of the newest heartbeat."""
    expires_at: int
    """Epoch second at which the entry lapses."""
    change: str
    """What the newest write did: ``joined``, ``renewed``, ``updated`` (other data) or ``left``."""

    def is_live(self, now: float) -> bool:
        """Whether the member is still there."""
        return self.change != "left" and self.expires_at > int(now)


def read_entry(item: Mapping[str, Any]) -> Entry:
    """Return what an item of the table, or an image of its stream, says."""
    return Entry(
        group=str(item["group"]),
        member=str(item["member"]),
        data=json.loads(str(item["data"])),
        since=int(item["since_ms"]) / 1000,
        at=int(item["at_ms"]) / 1000,
        expires_at=int(item["expires_at"]),
        change=str(item["change"]),
    )


def milliseconds(seconds: float) -> int:
    """Return a time as items have it."""
    return round(seconds * 1000)


def text(data: Mapping[str, Any]) -> str:
    """Return data as JSON, equal for equal data: DynamoDB's own numbers would come back as Decimal."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
