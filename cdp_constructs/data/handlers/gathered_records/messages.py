"""A message for which a device gathered measurements, and the records that it stands for. Nothing here does I/O.

``{"measurements": [{"message_id": …, "at": …, "temperature": …}, …], "thing": …, "context": …, "type": …}``: who sent
them stands once beside the list, where a rule of AWS IoT writes it, and holds for all of them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["MOST_MEASUREMENTS", "UnreadableRecordError", "in_lower_case", "is_gathered", "records_of"]

MEASUREMENTS = "measurements"
MOST_MEASUREMENTS = 200
"""Of one message. Each may be of a minute of its own, and so be a write of its own."""
OF_SENDER = ("thing", "context", "type", "received_at", "trace_id", "traceparent")
_LONGEST_SHOWN = 50


class UnreadableRecordError(ValueError):
    """The record says nothing that could be worked on; the message says why."""


def in_lower_case(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields as Firehose names them for the batch layer, so that both layers read the same.

    Raises:
        UnreadableRecordError: fields differ in letter case only.
    """
    lower = {name.lower(): value for name, value in document.items()}
    if len(lower) < len(document):
        repeated = sorted(name for name in document if name != name.lower() and name.lower() in document)
        shown = repr(repeated or sorted(document))[:_LONGEST_SHOWN]
        raise UnreadableRecordError(f"fields differ in letter case only: {shown}")
    return lower


def is_gathered(document: Mapping[str, Any]) -> bool:
    """Whether a record, with its names in lower case, has several measurements; otherwise it is one."""
    return isinstance(document.get(MEASUREMENTS), list)


def records_of(document: Mapping[str, Any]) -> Iterator[dict[str, Any] | UnreadableRecordError]:
    """Yield the record of each measurement, or why there is none.

    Args:
        document: A gathered record, with its names in lower case.

    Raises:
        UnreadableRecordError: it has too many, or none.
    """
    measurements = document[MEASUREMENTS]
    if not 0 < len(measurements) <= MOST_MEASUREMENTS:
        raise UnreadableRecordError(f"it has {len(measurements)} measurements; 1 to {MOST_MEASUREMENTS} are taken")
    sender = {name: document[name] for name in OF_SENDER if name in document}
    for measurement in measurements:
        if not isinstance(measurement, dict):
            yield UnreadableRecordError(f"it is a JSON {type(measurement).__name__} and no object")
            continue
        try:
            fields = in_lower_case(measurement)
        except UnreadableRecordError as error:
            yield error
            continue
        # A measurement cannot name another thing than the one that published it.
        yield {name: value for name, value in fields.items() if name not in OF_SENDER} | sender
