"""What a reading changes in a thing's windows and latest state. Nothing here does I/O.

Both are JSON-like dictionaries. Folding a reading in twice, late or in another order gives the same windows, and a
latest state in which each field has its newest value.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .records import Reading


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A limit of a measure; it is crossed above or below the limit, and recovers at ``recovers_at``."""

    name: str
    measure: str
    limit: float
    above: bool
    recovers_at: float

    def crossed_by(self, value: float) -> bool:
        """Whether the value is beyond the limit."""
        return value > self.limit if self.above else value < self.limit

    def recovered_by(self, value: float) -> bool:
        """Whether the value has recovered."""
        return value <= self.recovers_at if self.above else value >= self.recovers_at


def fold_window(window: dict[str, Any], reading: Reading, measures: Iterable[str]) -> bool:
    """Add a reading to its window; return whether that changed it, which a duplicate does not."""
    identity = base64.urlsafe_b64encode(hashlib.sha256(reading.message_id.encode()).digest()[:12]).decode()
    if identity in window.setdefault("seen", set()):
        return False
    window["seen"].add(identity)
    window["messages"] = window.get("messages", 0) + 1
    window["arrived_ms"] = max(window.get("arrived_ms", 0), reading.arrived_ms)
    totals = window.setdefault("measures", {})
    for measure in measures:
        value = reading.fields.get(measure)
        if value is None:
            continue
        total = totals.setdefault(measure, {"count": 0, "min": value, "max": value, "sum": 0})
        total["count"] += 1
        total["min"] = min(total["min"], value)
        total["max"] = max(total["max"], value)
        total["sum"] += value
    return True


def fold_latest(latest: dict[str, Any], reading: Reading, thresholds: Iterable[Threshold]) -> bool:
    """Let a reading replace older values; return whether it did.

    Alerts of thresholds that a newer value crosses, or comes back over, are put into the outbox.
    """
    fields = latest.setdefault("fields", {})
    newer = {
        name: value
        for name, value in reading.fields.items()
        if name not in fields or reading.at_ms > fields[name]["at_ms"]
    }
    if reading.at_ms > latest.get("at_ms", -1):
        latest.update(at_ms=reading.at_ms, context=reading.context, type=reading.kind)
    elif not newer:
        return False
    fields.update({name: {"value": value, "at_ms": reading.at_ms} for name, value in newer.items()})
    crossed = latest.setdefault("crossed", {})
    for threshold in thresholds:
        value = newer.get(threshold.measure)
        if value is None:
            continue
        if threshold.name not in crossed and threshold.crossed_by(value):
            crossed[threshold.name] = reading.at_ms
            state = "crossed"
        elif threshold.name in crossed and threshold.recovered_by(value):
            del crossed[threshold.name]
            state = "recovered"
        else:
            continue
        latest.setdefault("outbox", []).append(_alert(threshold, state, value, reading))
    return True


def _alert(threshold: Threshold, state: str, value: float, reading: Reading) -> dict[str, Any]:
    return {
        # The same in every repetition, so that a subscriber can tell them.
        "alert_id": f"{reading.thing}/{threshold.name}/{reading.at_ms}/{state}",
        "threshold": threshold.name,
        "state": state,
        "thing": reading.thing,
        "context": reading.context,
        "type": reading.kind,
        "measure": threshold.measure,
        "value": value,
        "limit": threshold.limit,
        "at": reading.at_ms,
        **({"traceparent": reading.traceparent} if reading.traceparent else {}),
    }
