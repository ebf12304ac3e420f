"""What a record of the stream says: one measurement, or those that a device gathered. Nothing here does I/O."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from correlation import TRACEPARENT, started, valid

from ..gathered_records.messages import UnreadableRecordError, in_lower_case, is_gathered, records_of

__all__ = ["Reading", "UnreadableRecordError", "read", "read_all", "traceparent_of"]

# Clocks of devices are not exact; what claims to come from later than this is wrong, and would shadow newer states.
MOST_AHEAD_MS = 60_000
LONGEST_NAME = 128
LONGEST_ID = 256
# Sums of these still are numbers.
LARGEST = 1e300
_LONGEST_SHOWN_MS = 10**15
# Thing and context are attributes of alerts, and SNS takes no such characters: the stream would stop at the record.
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ufffe\uffff]")
ABOUT = ("thing", "context", "type", "message_id", "at", "trace_id", TRACEPARENT)


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
    traceparent: str | None
    """What the sender gave it, or one with the id that AWS IoT gave it."""
    fields: Mapping[str, Any]

    def window_ms(self, length_ms: int) -> int:
        """Return when the window of this length begins that the reading belongs to."""
        return self.at_ms - self.at_ms % length_ms


def read(record: Mapping[str, Any], measures: Iterable[str]) -> Reading:
    """Return what a record of the stream says that is one measurement.

    Raises:
        UnreadableRecordError: it is no JSON object, or a field is missing or wrong.
    """
    kinesis = record["kinesis"]
    return _reading(_document(kinesis), kinesis, measures, number="")


def read_all(record: Mapping[str, Any], measures: Iterable[str]) -> tuple[list[Reading], list[str]]:
    """Return what a record of the stream says, whether it is one measurement or several, and what is wrong with it."""
    kinesis = record["kinesis"]
    readings: list[Reading] = []
    wrong: list[str] = []
    try:
        document = _document(kinesis)
        if not is_gathered(document):
            return [_reading(document, kinesis, measures, number="")], []
        for number, found in enumerate(records_of(document)):
            try:
                if isinstance(found, UnreadableRecordError):
                    raise found
                readings.append(_reading(found, kinesis, measures, number=f"#{number}"))
            except UnreadableRecordError as error:
                wrong.append(f"measurement {number}: {error}")
    except UnreadableRecordError as error:
        return [], [str(error)]
    return readings, wrong


def _document(kinesis: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object of a record, with the names of its fields in lower case.

    Raises:
        UnreadableRecordError: it is none.
    """
    try:
        # NaN and infinities are no JSON, and neither a minimum nor a sum.
        document = from_json(base64.b64decode(kinesis["data"]), allow_inf_nan=False)
        json.dumps(document, allow_nan=False)  # 1e999 is read as infinity, which JSON cannot hold
    except ValueError as error:
        raise UnreadableRecordError(f"it is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise UnreadableRecordError(f"it is a JSON {type(document).__name__} and no object")
    return in_lower_case(document)


def _reading(
    document: Mapping[str, Any], kinesis: Mapping[str, Any], measures: Iterable[str], *, number: str
) -> Reading:
    arrived_ms = round(float(kinesis["approximateArrivalTimestamp"]) * 1000)
    thing = _text(document, "thing", LONGEST_NAME)
    if not thing or "#" in thing:
        raise UnreadableRecordError(f"thing is {thing!r}: it must not be empty and have no #")
    at_ms = document.get("at")
    if isinstance(at_ms, bool) or not isinstance(at_ms, int) or at_ms < 0:
        raise UnreadableRecordError(f"at is {_shown(at_ms)} and no time in epoch milliseconds")
    if at_ms > arrived_ms + MOST_AHEAD_MS:
        seconds = min(at_ms - arrived_ms, _LONGEST_SHOWN_MS) / 1000
        raise UnreadableRecordError(f"at is {seconds:g} s after its arrival")
    for measure in measures:
        value = document.get(measure)
        if value is not None and not _is_number(value):
            raise UnreadableRecordError(f"{measure} is {_shown(value)} and no finite number")
    return Reading(
        thing=thing,
        context=_text(document, "context", LONGEST_NAME),
        kind=_text(document, "type", LONGEST_NAME),
        # Without an id of the sender, only what is delivered again is known as such, not what was sent again.
        message_id=_text(document, "message_id", LONGEST_ID) or f"{kinesis['sequenceNumber']}{number}",
        at_ms=at_ms,
        arrived_ms=arrived_ms,
        sequence_number=kinesis["sequenceNumber"],
        traceparent=_traceparent(document),
        fields={name: value for name, value in document.items() if name not in ABOUT and value is not None},
    )


def traceparent_of(record: Mapping[str, Any]) -> str | None:
    """Return what a record carries that may be unreadable otherwise."""
    try:
        document = from_json(base64.b64decode(record["kinesis"]["data"]))
    except ValueError:
        return None
    return _traceparent(document) if isinstance(document, dict) else None


def _traceparent(document: Mapping[str, Any]) -> str | None:
    """Return what is carried with a record: wrong ids are no reason to reject it."""
    given = valid(document.get(TRACEPARENT))
    trace_id = document.get("trace_id")
    if given or not isinstance(trace_id, str):
        return given
    return valid(started(trace_id.replace("-", "").lower()))


def _text(document: Mapping[str, Any], name: str, longest: int) -> str:
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise UnreadableRecordError(f"{name} is {_shown(value)} and no text of up to {longest} characters")
    if _CONTROL.search(value):
        raise UnreadableRecordError(f"{name} is {_shown(value)} and has a control character")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _shown(value: Any) -> str:
    """Return the beginning of a foreign value, for a message."""
    return repr(value)[:50]
