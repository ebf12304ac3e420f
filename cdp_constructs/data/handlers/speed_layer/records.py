"""What a record says, and what it changes in a thing's latest state and one-minute windows. Nothing here does I/O.

Both are JSON-like dictionaries. Folding a record in twice, late or in another order gives the same windows, and a
latest state in which each field has its newest value.
"""

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

WINDOW_MS = 60_000
# Clocks of devices are not exact; what claims to come from later than this is wrong, and would shadow newer states.
MOST_AHEAD_MS = 60_000
LONGEST_NAME = 128
LONGEST_ID = 256
ABOUT = ("thing", "context", "type", "message_id", "at")


class UnreadableRecordError(ValueError):
    """The record says nothing that could be worked on; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A record, read."""

    thing: str
    context: str
    kind: str
    message_id: str
    at_ms: int
    arrived_ms: int
    sequence_number: str
    fields: Mapping[str, Any]

    @property
    def window_ms(self) -> int:
        """When the window begins that the reading belongs to."""
        return self.at_ms - self.at_ms % WINDOW_MS


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A limit of a measure; it is crossed above or below it, and recovers at ``recovers_at``."""

    name: str
    measure: str
    limit: float
    above: bool
    recovers_at: float

    def crossed_by(self, value: float) -> bool:
        """Whether the value is beyond the limit."""
        return value > self.limit if self.above else value < self.limit

    def recovered_by(self, value: float) -> bool:
        """Whether the value is back."""
        return value <= self.recovers_at if self.above else value >= self.recovers_at


def read(record: Mapping[str, Any], measures: Iterable[str]) -> Reading:
    """Return what a record of the stream says.

    Raises:
        UnreadableRecordError: it is no JSON object, or a field is missing or wrong.
    """
    kinesis = record["kinesis"]
    arrived_ms = round(float(kinesis["approximateArrivalTimestamp"]) * 1000)
    try:
        # NaN and infinities are no JSON, and neither a minimum nor a sum.
        document = json.loads(base64.b64decode(kinesis["data"]), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise UnreadableRecordError(f"it is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise UnreadableRecordError(f"it is a JSON {type(document).__name__} and no object")
    thing = _text(document, "thing", LONGEST_NAME)
    if not thing or "#" in thing:
        raise UnreadableRecordError(f"thing is {thing!r}: it must not be empty and have no #")
    at_ms = document.get("at")
    if isinstance(at_ms, bool) or not isinstance(at_ms, int) or at_ms < 0:
        raise UnreadableRecordError(f"at is {at_ms!r} and no time in epoch milliseconds")
    if at_ms > arrived_ms + MOST_AHEAD_MS:
        raise UnreadableRecordError(f"at is {(at_ms - arrived_ms) / 1000:g} s after its arrival")
    for measure in measures:
        value = document.get(measure)
        if value is not None and not _is_number(value):
            raise UnreadableRecordError(f"{measure} is {value!r} and no number")
    return Reading(
        thing=thing,
        context=_text(document, "context", LONGEST_NAME),
        kind=_text(document, "type", LONGEST_NAME),
        # Without an id of the sender, only what is delivered again is known as such, not what was sent again.
        message_id=_text(document, "message_id", LONGEST_ID) or kinesis["sequenceNumber"],
        at_ms=at_ms,
        arrived_ms=arrived_ms,
        sequence_number=kinesis["sequenceNumber"],
        fields={name: value for name, value in document.items() if name not in ABOUT and value is not None},
    )


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
    }


def _text(document: Mapping[str, Any], name: str, longest: int) -> str:
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise UnreadableRecordError(f"{name} is {str(value)[:50]!r} and no text of up to {longest} characters")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _no_number(name: str) -> float:
    raise ValueError(f"it has {name}")
