"""What the state of a user and topic consists of outside of its table."""

from dataclasses import dataclass
from typing import Any

Item = dict[str, Any]


class BusyError(Exception):
    """The state of the user and topic is being worked on by another call; try again."""


@dataclass(frozen=True)
class Timer:
    """A timer whose message has to be sent."""

    user: str
    topic: str
    name: str
    due_ms: int


@dataclass(frozen=True)
class Batch:
    """What is to be sent now."""

    timer: Timer
    notices: list[Item]
    """The oldest, about 20 at most: ``notice_id``, ``at_ms``, ``title``, ``body``, ``link``, perhaps ``language``."""
    count: int
    """How many there are, kept or only counted."""
    last_ms: int
    """When the newest came."""
    done: frozenset[str]
    """Channels that an earlier try has served."""
