"""What messages and changes of messages have in common: each is an entry of a log, with a place in its room."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, order=True, slots=True)
class Position:
    """Where an entry stands in its room, the same for every reader in every Region."""

    clock: int
    region: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """A message, or a change of one."""

    room: str
    region: str
    """The Region that accepted it."""
    sequence: int
    """Its number in that Region's log, from 1, without gaps."""
    clock: int
    """Hybrid logical clock: milliseconds since 1970, or one more than the newest entry that was known at the time."""
    id: str
    author: str
    """Who posted or changed the message."""
    traceparent: str | None = None
    """W3C Trace Context of the request that made it."""

    @property
    def position(self) -> Position:
        """Where it stands in the room."""
        return Position(self.clock, self.region, self.sequence)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; what the entry does not have is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}
