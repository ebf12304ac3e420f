"""Measurements that are gathered and sent as one message, and the limits whose crossing is sent at once.

A message has as many measurements as fit, so that AWS IoT, which counts in parts of 5 KB, counts few of them. Nothing
waits here: measurements are in the outbox from the moment they are made, and a message is put together when it is sent.
"""

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from cdp_device.outbox import Outbox, Waiting

__all__ = ["LONGEST_GATHERING", "Gathering", "Limit", "as_message", "read_limits"]

LONGEST_GATHERING = 3600.0
MOST_MEASUREMENTS = 200
"""What the layers take of one message."""
_FRAME = len('{"measurements": []}')
_SEPARATOR = len(", ")
_LIMIT = re.compile(r"([a-z][a-z0-9_]*)([<>])([^/,]+)/([^/,]+)")


@dataclass(frozen=True)
class Limit:
    """A limit of a measure, as the speed layer's thresholds have it."""

    measure: str
    above: bool
    """Whether it is crossed by values above it, or by values below it."""
    value: float
    recovers_at: float

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a limit such as ``temperature>35/33`` or ``humidity<20/25``.

        Raises:
            ValueError: it is none.
        """
        found = _LIMIT.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no limit such as temperature>35/33")
        measure, side, value, recovers_at = found.groups()
        return cls(measure, side == ">", float(value), float(recovers_at))

    def is_crossed(self, value: float, *, before: bool) -> bool:
        """Return whether the limit is crossed by a value, given whether it was before."""
        if before:
            return value > self.recovers_at if self.above else value < self.recovers_at
        return value > self.value if self.above else value < self.value


def read_limits(text: str) -> tuple[Limit, ...]:
    """Read limits that are separated by commas.

    Raises:
        ValueError: one of them is none.
    """
    return tuple(Limit.read(part) for part in text.split(",") if part)


class Gathering:
    """When measurements are sent, and how many of them together.

    Attributes:
        seconds: How long a measurement waits for others at most; 0 sends each at once.
        limits: What is sent at once when it is crossed, and when it recovers.
    """

    def __init__(self, *, most_bytes: int, catch_up_seconds: float) -> None:
        """Send each measurement at once, until ``seconds`` is set.

        Args:
            most_bytes: What a message with several measurements has at most.
            catch_up_seconds: How long a device waits at most before it sends what is late, so that a fleet that
                reconnects does not send all at once.
        """
        self.seconds = 0.0
        self.limits: tuple[Limit, ...] = ()
        self._most_bytes = most_bytes
        self._catch_up_seconds = catch_up_seconds
        self._crossed: set[Limit] = set()
        self._phase = 0.0
        self._not_before = 0.0

    def crosses(self, readings: Mapping[str, Any]) -> bool:
        """Return whether readings cross a limit, or recover; to be called once for each measurement."""
        crossed = {
            limit
            for limit in self.limits
            if (
                limit.is_crossed(readings[limit.measure], before=limit in self._crossed)
                if limit.measure in readings
                else limit in self._crossed
            )
        }
        changed, self._crossed = crossed != self._crossed, crossed
        return changed

    def connected(self, outbox: Outbox, now: float) -> None:
        """Choose when to begin to send on a new connection, so that the devices of a fleet do not send in step.

        What is late waits for a random time, but not for longer than it is late already. What is not is sent early.
        """
        oldest = outbox.oldest()
        late = max(0.0, now - oldest - self.seconds) if oldest is not None and self.seconds else 0.0
        self._not_before = now + random.uniform(0, min(late, self._catch_up_seconds))  # noqa: S311 - spreads a fleet
        self._phase = random.uniform(0, self.seconds)  # noqa: S311 - spreads a fleet

    def due(self, outbox: Outbox, now: float) -> tuple[list[Waiting], float | None]:
        """Return the messages that are to be sent now as one, and without any how many seconds to wait for more.

        Args:
            outbox: What waits.
            now: Seconds since the epoch.

        Returns:
            None instead of seconds: until the outbox gets another one.
        """
        if not self.seconds:
            return outbox.first(1), None
        if urgent := outbox.first(MOST_MEASUREMENTS, urgent=True):
            if not urgent[0].gathers:
                return urgent[:1], None
            # With it goes what waits anyway; its place in the message is that of its time.
            together = self._fitting([*urgent, *outbox.first(MOST_MEASUREMENTS, urgent=False)])
            return sorted(together, key=lambda waiting: waiting.number), None
        waiting = outbox.first(MOST_MEASUREMENTS + 1)
        if not waiting:
            return [], None
        fitting = self._fitting(waiting)
        # A clock that was set back must not keep anything waiting for longer than it should.
        age = now - waiting[0].added if waiting[0].added <= now else self.seconds
        wait = 0.0 if len(fitting) < len(waiting) else self.seconds - self._phase - age
        wait = max(wait, min(self._not_before - now, self._catch_up_seconds))
        if wait > 0:
            return [], wait
        self._phase = 0.0
        return fitting, None

    def _fitting(self, waiting: Iterable[Waiting]) -> list[Waiting]:
        """Return as many as one message takes, all of the first one's type; at least the first."""
        chosen: list[Waiting] = []
        size = _FRAME
        for one in waiting:
            if chosen and one.kind != chosen[0].kind:
                continue
            size += one.size + _SEPARATOR
            if chosen and (size > self._most_bytes or len(chosen) == MOST_MEASUREMENTS):
                break
            chosen.append(one)
        return chosen


def as_message(waiting: Iterable[Waiting]) -> Any:
    """Return the message for what is sent as one: a single measurement as it is, several in a list."""
    documents = [one.document for one in waiting]
    return documents[0] if len(documents) == 1 else {"measurements": documents}
