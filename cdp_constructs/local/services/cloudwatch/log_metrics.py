"""CloudWatch Logs: metrics from log events, in the embedded metric format and by metric filters.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.metrics import emit

__all__ = ["matches", "read"]

_logs: Any = ministack.module("services.cloudwatch_logs", "_compile_filter_pattern", "_metric_filters")

_EMBEDDED = '"_aws"'
_CONDITION = re.compile(r"""\$\.([\w.]+)\s*(=|!=|<=|>=|<|>)\s*("[^"]*"|[\w.*-]+)""")


def read(group: str, messages: Iterable[str]) -> None:
    """Emit the metrics that log events stand for, once they are stored in their group."""
    filters = [found for (name, _), found in _logs._metric_filters.items() if name == group]
    for message in messages:
        if _EMBEDDED in message:
            _emit_embedded(message)
        for found in filters:
            _apply(found, message)


def _emit_embedded(message: str) -> None:
    try:
        document = json.loads(message)
        directives = document["_aws"]["CloudWatchMetrics"]
        for directive in directives:
            for names in directive["Dimensions"] or [[]]:
                dimensions = {name: str(document[name]) for name in names}
                for metric in directive["Metrics"]:
                    values = document[metric["Name"]]
                    for value in values if isinstance(values, list) else [values]:
                        emit(
                            directive["Namespace"],
                            metric["Name"],
                            dimensions,
                            float(value),
                            unit=metric.get("Unit", "None"),
                        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return  # a log event that is not in the format is a log event, and no more


def _at(document: Any, path: str) -> Any:
    for part in path.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def _meets(value: Any, comparison: str, wanted: str) -> bool:
    text = wanted.strip('"')
    if comparison in {"=", "!="}:
        pattern = re.escape(text).replace(r"\*", ".*")
        same = value is not None and re.fullmatch(pattern, str(value)) is not None
        return same == (comparison == "=")
    try:
        left, right = float(value), float(text)
    except (TypeError, ValueError):
        return False
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[comparison]


def _matches(pattern: str, message: str, document: Any) -> bool:
    if not pattern.strip().startswith("{"):
        return bool(_logs._compile_filter_pattern(pattern)(message))
    if document is None:
        return False
    met = [_meets(_at(document, path), comparison, wanted) for path, comparison, wanted in _CONDITION.findall(pattern)]
    return any(met) if "||" in pattern else bool(met) and all(met)


def _document(message: str) -> Any:
    try:
        return json.loads(message) if message.startswith("{") else None
    except ValueError:
        return None


def matches(pattern: str, message: str) -> bool:
    """Whether the filter pattern of a metric filter or a subscription matches a log event."""
    return _matches(pattern, message, _document(message))


def _apply(found: Mapping[str, Any], message: str) -> None:
    document = _document(message)
    if not _matches(found.get("filterPattern") or "", message, document):
        return
    for transformation in found.get("metricTransformations") or []:
        value = transformation.get("metricValue", "1")
        if value.startswith("$."):
            value = _at(document, value.removeprefix("$."))
        dimensions = {
            name: str(_at(document, path.removeprefix("$.")))
            for name, path in (transformation.get("dimensions") or {}).items()
        }
        try:
            number = float(value)
        except (TypeError, ValueError):
            continue
        emit(
            transformation["metricNamespace"],
            transformation["metricName"],
            dimensions,
            number,
            unit=transformation.get("unit", "None"),
        )
