"""What the views answer: windows of a thing, and its latest state."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

__all__ = ["BatchReader", "Latest", "Total", "Value", "Window", "WindowReader"]


@dataclass(frozen=True, kw_only=True)
class Total:
    """What a measure came to within a window."""

    count: int
    min: float
    max: float
    sum: float

    @property
    def mean(self) -> float:
        """The average."""
        return self.sum / self.count


@dataclass(frozen=True, kw_only=True)
class Window:
    """One minute of a thing, or as long as the windows of its view are."""

    thing: str
    start: datetime
    messages: int
    measures: Mapping[str, Total]
    layer: Literal["speed", "batch"]
    """Who answered."""
    arrived: datetime | None = None
    """When the newest record of it arrived; only the speed layer knows."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """The newest value of a field."""

    value: Any
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Latest:
    """A thing's state."""

    thing: str
    context: str
    type: str
    at: datetime
    fields: Mapping[str, Value]
    crossed: Mapping[str, datetime]
    """Thresholds that are crossed now, and since when."""


class WindowReader(Protocol):
    """Answers windows; both views do."""

    @property
    def window_length(self) -> timedelta:
        """How long a window is."""
        ...

    def windows(self, thing: str, start: datetime, end: datetime) -> list[Window]:
        """Return the windows that begin from ``start`` on and before ``end``, by time; none for an empty one."""
        ...


class BatchReader(WindowReader, Protocol):
    """Answers windows, and knows how far."""

    def watermark(self) -> datetime | None:
        """Return until when everything that arrived is there; None when that is not known."""
        ...
