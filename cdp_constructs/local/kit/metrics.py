"""Metrics that the services themselves emit, with AWS's names and dimensions.

Values are counted in this process, by minute, as CloudWatch keeps those of services: an event costs a few additions and
no request. They are stored where MiniStack's CloudWatch keeps the metrics of its users, so that its API returns them.

A metric that follows from a state, such as the length of a queue, is emitted by a function with `@gauge`.
"""

import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.patch import Change, patch

__all__ = ["Gauge", "emit", "gauge", "read_gauges"]

_cloudwatch: Any = ministack.module("services.cloudwatch", "_dims_key", "_metrics")
_responses: Any = ministack.module("core.responses")

_MINUTE = 60

_lock = threading.Lock()
_current: dict[Any, tuple[int, dict[float, dict[str, Any]]]] = {}
"""By account, Region and metric: the minute that is being counted, and its data points by value."""
_gauges: list[Callable[[], None]] = []


@functools.cache
def _scope() -> tuple[Callable[[], str], Callable[[], str]]:
    """Return what names the current account and Region; looked up once, as every request emits metrics."""
    return _responses.get_account_id, _responses.get_region


@functools.lru_cache(maxsize=100_000)
def _metric(namespace: str, name: str, dimensions: tuple[tuple[str, str], ...]) -> tuple[str, str, str]:
    """Return the key under which MiniStack keeps a metric."""
    return namespace, name, _cloudwatch._dims_key(dict(dimensions))


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
    account, region = _scope()
    key = (account(), region(), _metric(namespace, name, tuple(dimensions.items())))
    minute = int(clock.now()) // _MINUTE
    with _lock:
        at, points = _current.get(key, (None, {}))
        if at != minute:
            points = {}
            _current[key] = (minute, points)
        if value in points:
            points[value]["Count"] += times
            return
        points[value] = {
            "Timestamp": float(minute * _MINUTE),
            "Value": float(value),
            "Count": float(times),
            "Unit": unit,
            "Dimensions": dict(dimensions),
        }
        _cloudwatch._metrics._data.setdefault(key, []).append(points[value])


@patch("ministack.services.cloudwatch:reset")
def _reset(original: Callable[[], None]) -> None:
    """Forget what is being counted with what is stored."""
    with _lock:
        _current.clear()
        original()
    clock.reset()


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
