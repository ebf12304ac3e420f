"""CloudWatch: metric data and alarms that AWS refuses.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html, API_PutMetricData.html
"""

import math
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from cdp_constructs.local.kit import clock
from cdp_constructs.local.kit.validation import InvalidValueError, validate

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_SHORT_PERIODS = {10, 20, 30}
_LONGEST = ((_HOUR, _DAY, "one day"), (math.inf, 7 * _DAY, "seven days"))
"""By the length of a period: how long an alarm looks back at most."""
_COMPARISONS = {
    *("GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"),
    *("LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold"),
}
_MISSING = {"breaching", "notBreaching", "ignore", "missing"}
_STATISTICS = {"SampleCount", "Average", "Sum", "Minimum", "Maximum"}
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
_MOST_DIMENSIONS = 30
_PAST, _FUTURE = 14 * 24 * 3600, 2 * 3600
_MOST_DATA = 1_000


def _invalid(message: str) -> InvalidValueError:
    return InvalidValueError("ValidationError", message)


def _periods(values: Mapping[str, Any]) -> Iterator[int]:
    for query in [values, *(values.get("Metrics") or ())]:
        for place in (query, query.get("MetricStat") or {}):
            if place.get("Period") not in {None, ""}:
                yield int(place["Period"])


@validate(types=("AWS::CloudWatch::Alarm",), requests={"monitoring": ("PutMetricAlarm",)})
def _alarm(values: Mapping[str, Any]) -> None:
    if values.get("MetricName") and not (values.get("Statistic") or values.get("ExtendedStatistic")):
        raise _invalid("Exactly one of Statistic and ExtendedStatistic must be specified for a metric")
    periods = list(_periods(values))
    if wrong := [
        period for period in periods if period not in _SHORT_PERIODS and (period < _MINUTE or period % _MINUTE)
    ]:
        raise _invalid(f"Metric Period must be 10, 20, 30 or a multiple of {_MINUTE}; it is {wrong[0]}")
    evaluated = int(values.get("EvaluationPeriods") or 0)
    if evaluated < 1:
        raise _invalid("1 validation error detected: Value at 'evaluationPeriods' must be greater than or equal to 1")
    datapoints = int(values.get("DatapointsToAlarm") or evaluated)
    if not 1 <= datapoints <= evaluated:
        raise _invalid(
            f"DatapointsToAlarm must be less than or equal to EvaluationPeriods; it is {datapoints} of {evaluated}"
        )
    for period in periods:
        most, span = next((most, span) for below, most, span in _LONGEST if period < below)
        if period * evaluated > most:
            raise _invalid(
                f"Metrics cannot be checked across more than {span} (EvaluationPeriods * Period must be <= {most})"
            )
    _check_words(values)


def _check_words(values: Mapping[str, Any]) -> None:
    for name, allowed in (
        ("ComparisonOperator", _COMPARISONS),
        ("TreatMissingData", _MISSING),
        ("Statistic", _STATISTICS),
    ):
        if values.get(name) and values[name] not in allowed:
            raise _invalid(
                f"1 validation error detected: Value '{values[name]}' at '{name}' is none of {sorted(allowed)}"
            )
    threshold = values.get("Threshold")
    if threshold is not None and not math.isfinite(float(threshold)):
        raise _invalid(f"The value {threshold} for parameter Threshold is invalid")
    for arn in (action for name in _ACTIONS for action in values.get(name) or ()):
        if not str(arn).startswith("arn:"):
            raise _invalid(f"Invalid arn syntax: {arn}")


def _refused(name: str, value: Any, reason: str) -> InvalidValueError:
    return InvalidValueError("InvalidParameterValue", f"The value {value} for parameter {name} is invalid. {reason}")


def _is_taken(stamp: Any) -> bool:
    """Whether a time is taken; programs have the time of the machine, and the clock of metrics may be ahead of it."""
    return time.time() - _PAST <= _seconds(stamp) <= clock.now() + _FUTURE


def _seconds(stamp: Any) -> float:
    """Return a time that is text or a number, as the protocol has it."""
    if isinstance(stamp, str) and not stamp.replace(".", "", 1).isdigit():
        found = datetime.fromisoformat(stamp)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return stamp.timestamp() if isinstance(stamp, datetime) else float(stamp)


@validate(requests={"monitoring": ("PutMetricData",)})
def _data(values: Mapping[str, Any]) -> None:
    namespace, data = values["Namespace"], values.get("MetricData") or []
    if namespace.startswith("AWS/"):
        raise _refused("Namespace", namespace, "Namespaces that begin with AWS/ are those of services.")
    if namespace.startswith(":") or not namespace.strip():
        raise _refused("Namespace", namespace, "It is empty, or begins with a colon.")
    if len(data) > _MOST_DATA:
        raise _refused("MetricData", f"of {len(data)} metrics", f"A request has at most {_MOST_DATA}.")
    for number, datum in enumerate(data, start=1):
        place = f"MetricData.member.{number}"
        for value in [datum.get("Value"), *(datum.get("Values") or ())]:
            if value is not None and not math.isfinite(float(value)):
                raise _refused(f"{place}.Value", value, "It is no finite number.")
        if (stamp := datum.get("Timestamp")) and not _is_taken(stamp):
            raise _refused(f"{place}.Timestamp", stamp, "It is two weeks ago, or more than two hours ahead.")
        if len(datum.get("Dimensions") or ()) > _MOST_DIMENSIONS:
            raise _refused(f"{place}.Dimensions", len(datum["Dimensions"]), f"At most {_MOST_DIMENSIONS} are allowed.")
        if empty := [each["Name"] for each in datum.get("Dimensions") or () if not each["Value"].strip()]:
            raise _refused(f"{place}.Dimensions", empty[0], "The value of a dimension must not be empty.")
