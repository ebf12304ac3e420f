"""What is in the cache: a value, until when it is fresh, and when it is loaded again before that."""

import json
import math
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["Entry", "is_due", "spread"]

_SPREAD = 0.1


@dataclass(frozen=True)
class Entry:
    """A value of the cache."""

    value: Any
    """What JSON has; None says that the source has nothing."""
    until: float
    """Epoch seconds until which it is fresh."""
    cost: float
    """Seconds that it took to load."""

    def write(self) -> str:
        """Return the text that is stored.

        Raises:
            TypeError: the value is nothing that JSON has.
            ValueError: it has NaN or an infinite number.
        """
        return json.dumps([1, self.value, self.until, self.cost], allow_nan=False, separators=(",", ":"))

    @classmethod
    def read(cls, text: str | bytes | None) -> Self | None:
        """Return a stored entry; None for nothing, and for what another version or somebody else wrote."""
        try:
            version, value, until, cost = json.loads(text or "null")
            return cls(value, float(until), float(cost)) if version == 1 else None
        except (TypeError, ValueError, RecursionError):
            return None


def is_due(entry: Entry, now: float, chance: float) -> bool:
    """Whether to load a value again: it is no longer fresh, or one of its readers does it a little earlier.

    The earlier, the longer a load takes and the more often it is read (Vattani, Chierichetti and Lowenstein, Optimal
    Probabilistic Cache Stampede Prevention, 2015).

    Args:
        entry: What is there.
        now: Epoch seconds.
        chance: A random number above 0, up to 1.
    """
    return now - entry.cost * math.log(chance) >= entry.until


def spread(lifetime: float, chance: float) -> float:
    """Return a lifetime up to a tenth shorter: what was loaded together does not end together.

    Args:
        lifetime: Seconds.
        chance: A random number from 0 to 1.
    """
    return lifetime * (1 - _SPREAD * chance)
