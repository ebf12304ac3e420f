"""Metrics that the services themselves emit, with AWS's names and dimensions.

Values are counted in this process, by minute, as CloudWatch keeps those of services: an event costs a few additions and
no request. They are stored where MiniStack's CloudWatch keeps the metrics of its users, so that its API returns them.

A metric that follows from a state, such as the length of a queue, is emitted by a function with `@gauge`.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.patch import Change

__all__ = ["Gauge", "emit", "gauge", "read_gauges"]

_cloudwatch: Any = ministack.module("services.cloudwatch", "_dims_key", "_metrics")
_responses: Any = ministack.module("core.responses")

_MINUTE = 60

_lock = threading.Lock()
_current: dict[Any, tuple[int, dict[float, dict[str, Any]]]] = {}
"""By account, Region and metric: the minute that is being counted, and its data points by value."""
_gauges: list[Callable[[], None]] = []


def emit(
    namespace: str, name: str, dimensions: Mapping[str, str], value: float = 1, *, unit: str = "Count", times: int = 1
) -> None:
    """Add to a metric of the current account and Region.

    Args:
        namespace: For example `AWS/SQS`.
        name: Name of the metric.
        dimensions: All of its dimensions; one set of dimensions is one metric.
        value: What was measured.
        unit: Its unit.
        times: How often the value was measured.
    """
    metric = (namespace, name, _cloudwatch._dims_key(dimensions))
    key = (_responses.get_account_id(), _responses.get_region(), metric)
    minute = int(clock.now()) // _MINUTE
    with _lock:
        at, points = _current.get(key, (None, {}))
        if at != minute:
            points = {}
            _current[key] = (minute, points)
        point = points.get(value)
        stored = _cloudwatch._metrics._data.setdefault(key, [])
        # The points of a metric that was deleted meanwhile, by a reset, are not counted on.
        if point is not None and stored:
            point["Count"] += times
            return
        points[value] = {
            "Timestamp": float(minute * _MINUTE),
            "Value": float(value),
            "Count": float(times),
            "Unit": unit,
            "Dimensions": dict(dimensions),
        }
        stored.append(points[value])


class Gauge(Change):
    """Emits metrics that follow from a state."""

    def __init__(self, read: Callable[[], None]) -> None:
        self._read = read

    def apply(self) -> None:
        """Register the function."""
        _gauges.append(self._read)

    def undo(self) -> None:
        """Remove the function."""
        _gauges.remove(self._read)


def gauge(read: Callable[[], None]) -> Gauge:
    """Let the decorated function emit its metrics several times a minute; it runs outside of any account and Region."""
    return Gauge(read)


def read_gauges() -> None:
    """Emit the metrics that follow from a state, as it is now."""
    for read in _gauges:
        read()
