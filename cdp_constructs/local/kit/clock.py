"""The clock of metrics and alarms, which an administrator can move forward.

Everything else keeps the time of the machine. A time that something else has recorded is read as this clock showed it
then: moving the clock by an hour makes what is there an hour older, and not what comes afterwards.
"""

import time

__all__ = ["advance", "at", "now", "reset"]

_moves: list[tuple[float, float]] = []
"""When the clock was moved, in the machine's time, and how far ahead of it the clock has been since."""


def now() -> float:
    """Return the time of metrics and alarms, in seconds since the epoch."""
    return time.time() + (_moves[-1][1] if _moves else 0.0)


def at(machine_time: float) -> float:
    """Return what the clock showed at a time of the machine."""
    return machine_time + next((ahead for moved, ahead in reversed(_moves) if moved <= machine_time), 0.0)


def advance(seconds: float) -> None:
    """Move the clock forward."""
    _moves.append((time.time(), (_moves[-1][1] if _moves else 0.0) + seconds))


def reset() -> None:
    """Show the time of the machine again."""
    _moves.clear()
