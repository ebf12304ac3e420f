"""CloudWatch Metrics Insights: a query over the metrics of a namespace, as alarms may have one.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-querylanguage.html
"""

import math
import re
import statistics
from collections.abc import Callable, Mapping, Sequence

from cdp_constructs.local.services.cloudwatch.series import Periods, Series, having

__all__ = ["ExpressionError", "select"]


class ExpressionError(ValueError):
    """An expression that the embedded cloud cannot evaluate."""


_FUNCTIONS: Mapping[str, tuple[str, Callable[[Sequence[float]], float]]] = {
    "AVG": ("Average", statistics.fmean),
    "COUNT": ("SampleCount", math.fsum),
    "MAX": ("Maximum", max),
    "MIN": ("Minimum", min),
    "SUM": ("Sum", math.fsum),
}
"""The statistic of each metric, and how those of several become one."""
_NAME = r'(?:"[^"]+"|[\w./-]+)'
_QUERY = re.compile(
    rf"\s*SELECT\s+(?P<function>\w+)\((?P<metric>{_NAME})\)\s+"
    rf"FROM\s+(?:SCHEMA\(\s*(?P<schema>{_NAME}(?:\s*,\s*{_NAME})*)\s*\)|(?P<namespace>{_NAME}))"
    rf"(?:\s+WHERE\s+(?P<conditions>.+?))?\s*",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(rf"({_NAME})\s*=\s*'([^']*)'")


def select(query: str, periods: Periods) -> Series:
    """Return the values of a query with one time series: without GROUP BY, and with conditions that are equalities.

    Args:
        query: The query.
        periods: For which periods.

    Raises:
        ExpressionError: it has something else.
    """
    found = _QUERY.fullmatch(query)
    function = _FUNCTIONS.get(found["function"].upper()) if found else None
    if found is None or function is None:
        raise ExpressionError(f"the embedded cloud cannot evaluate {query}")
    schema = [_plain(name) for name in found["schema"].split(",")] if found["schema"] else [_plain(found["namespace"])]
    conditions = {}
    for text in re.split(r"\s+AND\s+", found["conditions"] or "", flags=re.IGNORECASE):
        condition = _CONDITION.fullmatch(text.strip())
        if condition is None and text:
            raise ExpressionError(f"the embedded cloud cannot evaluate {text} in {query}")
        if condition is not None:
            conditions[_plain(condition[1])] = condition[2]
    statistic, combine = function
    several = having(schema[0], _plain(found["metric"]), schema[1:] or None, conditions, statistic, periods)
    in_period = ([value for value in values if value is not None] for values in zip(*several, strict=True))
    combined = [combine(values) if values else None for values in in_period]
    return combined or [None] * periods.count


def _plain(name: str) -> str:
    return name.strip().strip('"')
