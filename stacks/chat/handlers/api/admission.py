"""Refuses what would be seen late, so that what is accepted is not: the Region takes no more than it delivers.

The live publisher notes that it is late. The note is read with what a message needs anyway, once a second at most, so
that a message costs no request more; while it counts, nothing is read at all.
"""

import math
import time
from collections.abc import Callable, Mapping

from ..domain import table as keys

_KNOWN_FOR = 1.0


class DeliveryLateError(Exception):
    """What this Region accepted is not delivered in time; nothing was stored."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too much is being written for all of it to arrive in time; call again in {retry_after} s")
        self.retry_after = retry_after
        """Seconds until it is worth to try again."""


class Admission:
    """Whether this Region delivers in time, as one execution environment knows it.

    Args:
        region: This Region.
        max_lag: Seconds within which what is accepted has to be seen; None for any time.
        clock: Epoch seconds.
    """

    def __init__(self, region: str, max_lag: float | None, *, clock: Callable[[], float] = time.time) -> None:
        self._key = keys.lag_key(region)
        self._max_lag = max_lag
        self._clock = clock
        self._late_until = 0.0
        self._read_at = -math.inf

    def check(self, arrived_at: float | None = None) -> None:
        """Refuse while delivery is late, and what has waited too long itself.

        Args:
            arrived_at: When API Gateway received the request, in epoch seconds. One that waited for half of the time
                could not be delivered in the other half: what keeps it waiting is slow for its message, too.

        Raises:
            DeliveryLateError: when it is late.
        """
        if self._max_lag is None:
            return
        now = self._clock()
        if self._late_until > now:
            raise DeliveryLateError(math.ceil(self._late_until - now))
        if arrived_at is not None and now - arrived_at > self._max_lag / 2:
            raise DeliveryLateError(1)

    def to_read(self) -> list[keys.Key]:
        """Return the key of the note when it has to be read again."""
        known = self._max_lag is None or self._clock() - self._read_at < _KNOWN_FOR
        return [] if known else [self._key]

    def learn(self, read: list[keys.Key], found: Mapping[keys.Key, keys.Item]) -> None:
        """Keep what was found of the keys that ``to_read`` returned."""
        if read:
            self._read_at = self._clock()
            self._late_until = int(found.get(self._key, {}).get("late_until_ms", 0)) / 1000
