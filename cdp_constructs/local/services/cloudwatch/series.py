"""CloudWatch: the values of a metric in consecutive periods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack

__all__ = ["Periods", "Series", "having", "read", "search"]

_cloudwatch: Any = ministack.module("services.cloudwatch", "_calc_stats", "_dims_key", "_metrics", "_stat_value")

_OLDER = 100
"""After so many points in a row that are too old, no others are looked for: they are stored in about their order."""

Series: TypeAlias = list[float | None]
"""A value for each period, the oldest first; None where there is no data."""


@dataclass(frozen=True)
class Periods:
    """Consecutive periods.

    Attributes:
        start: Start of the first one, in seconds since the epoch.
        length: Seconds.
        count: How many.
    """

    start: float
    length: int
    count: int

    @property
    def end(self) -> float:
        """End of the last one."""
        return self.start + self.length * self.count

    def index(self, at: float) -> int | None:
        """Return which period a time is in; None when it is in none."""
        index = int((at - self.start) // self.length)
        return index if 0 <= index < self.count else None


def read(statistic: Mapping[str, Any], periods: Periods) -> Series:
    """Return the values of a `MetricStat`, in the current account and Region."""
    metric = statistic["Metric"]
    dimensions = {item["Name"]: item["Value"] for item in metric.get("Dimensions") or []}
    key = (metric["Namespace"], metric["MetricName"], _cloudwatch._dims_key(dimensions))
    return _values(_cloudwatch._metrics.get(key) or (), statistic["Stat"], periods, statistic.get("Unit"))


def _values(points: Sequence[Mapping[str, Any]], stat: str, periods: Periods, unit: str | None) -> Series:
    in_period: list[list[Any]] = [[] for _ in range(periods.count)]
    older = 0
    for point in reversed(list(points)):
        if point["Timestamp"] < periods.start:
            older += 1
            if older > _OLDER:
                break
            continue
        older = 0
        index = periods.index(point["Timestamp"])
        if index is not None and (unit is None or point.get("Unit") == unit):
            in_period[index].append(point)
    return [
        _cloudwatch._stat_value(_cloudwatch._calc_stats(found), stat, found) if found else None for found in in_period
    ]


def search(
    namespace: str, dimensions: Sequence[str], words: Mapping[str, str], stat: str, periods: Periods
) -> list[Series]:
    """Return the values of the metrics that `SEARCH` finds.

    Args:
        namespace: Their namespace.
        dimensions: The names of their dimensions.
        words: Values that they have: of `MetricName`, or of a dimension.
        stat: The statistic.
        periods: The periods.
    """
    found = []
    for (space, name, _), points in _cloudwatch._metrics.items():
        of_metric = dict(points[0]["Dimensions"]) if points else {}
        described = of_metric | {"MetricName": name}
        if (
            space == namespace
            and set(of_metric) == set(dimensions)
            and all(described.get(word) == value for word, value in words.items())
        ):
            found.append(_values(points, stat, periods, None))
    return found


def having(
    namespace: str,
    name: str,
    dimensions: Sequence[str] | None,
    conditions: Mapping[str, str],
    stat: str,
    periods: Periods,
) -> list[Series]:
    """Return the values of the metrics of a name, for Metrics Insights.

    Args:
        namespace: Their namespace.
        name: Their name.
        dimensions: The names of their dimensions; None for any.
        conditions: Values of dimensions that they have; they may have others.
        stat: The statistic.
        periods: The periods.
    """
    found = []
    for (space, metric, _), points in _cloudwatch._metrics.items():
        of_metric = dict(points[0]["Dimensions"]) if points else {}
        if (
            (space, metric) == (namespace, name)
            and (dimensions is None or set(of_metric) == set(dimensions))
            and all(of_metric.get(dimension) == value for dimension, value in conditions.items())
        ):
            found.append(_values(points, stat, periods, None))
    return found
