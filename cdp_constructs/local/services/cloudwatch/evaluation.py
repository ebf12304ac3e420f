"""CloudWatch: alarms are evaluated once a minute, over whole periods that are over.

MiniStack evaluates an alarm when somebody puts metric data, over all metrics of that name, whatever their dimensions.
"""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.patch import patch, replace_attributes
from cdp_constructs.local.services.cloudwatch.conditions import EXTRA_PERIODS, Condition
from cdp_constructs.local.services.cloudwatch.expressions import ExpressionError, Expressions
from cdp_constructs.local.services.cloudwatch.series import Periods, Series, read

__all__ = ["evaluate_all", "shortest_period"]

_cloudwatch: Any = ministack.module(
    "services.cloudwatch", "_alarms", "_dispatch_alarm_actions", "_evaluate_parent_alarms", "_record_history"
)
_responses: Any = ministack.module("core.responses")

_logger = logging.getLogger(__name__)

_MINUTE = 60


@replace_attributes("ministack.services.cloudwatch:time")
def _time(_module: Any) -> dict[str, Any]:
    """Metrics that are put without a time, alarms and their history have the time of the movable clock."""
    return {"time": clock.now}


@patch("ministack.services.cloudwatch:_evaluate_alarm")
def _evaluate_later(_original: Callable[..., None], _alarm: Any) -> None:
    """Leave an alarm as it is when it is made; it is evaluated with the others."""


@patch("ministack.services.cloudwatch:_evaluate_all_alarms")
def _evaluate_later_as_well(_original: Callable[..., None]) -> None:
    """Leave alarms as they are when metric data is put."""


def shortest_period() -> int:
    """Return how many seconds there are between two evaluations: a minute, or the shortest period of an alarm."""
    alarms = _cloudwatch._alarms.all_values()
    return min([_MINUTE, *(int(alarm["Period"]) for alarm in alarms if alarm.get("Period"))])


def evaluate_all() -> None:
    """Evaluate every alarm on metrics; composite alarms follow the changes of theirs."""
    for (account, region, name), alarm in _cloudwatch._alarms.all_items():
        with _responses.request_scope(account, region):
            try:
                _evaluate(alarm)
            except ExpressionError as error:
                alarm["StateReason"] = str(error)
            except Exception:
                _logger.exception("alarm %s of %s cannot be evaluated", name, region)


def _period(alarm: Mapping[str, Any]) -> int:
    if "Metrics" not in alarm:
        return int(alarm.get("Period") or _MINUTE)
    given = [query.get("Period") or query.get("MetricStat", {}).get("Period") for query in alarm["Metrics"]]
    return max((int(period) for period in given if period), default=_MINUTE)


def _periods(alarm: Mapping[str, Any]) -> Periods:
    """Return the periods that an alarm reads: they end with the last whole minute, or with a shorter period."""
    length = _period(alarm)
    step = min(length, _MINUTE)
    count = int(alarm.get("EvaluationPeriods") or 1) + EXTRA_PERIODS
    return Periods(clock.now() // step * step - length * count, length, count)


def _values(alarm: Mapping[str, Any], periods: Periods) -> Series:
    if "Metrics" not in alarm:
        statistic = {
            "Metric": {name: alarm.get(name) for name in ("Namespace", "MetricName", "Dimensions")},
            "Stat": alarm.get("ExtendedStatistic") or alarm.get("Statistic"),
            "Unit": alarm.get("Unit"),
        }
        return read(statistic, periods)
    queries = alarm["Metrics"]
    returned = [query["Id"] for query in queries if query.get("ReturnData", True)]
    # Without the word, one query returns data: the one that no other uses comes first in the API's own examples.
    identity = alarm.get("ThresholdMetricId") or returned[0]
    return Expressions(queries, periods).value(identity)


def _evaluate(alarm: dict[str, Any]) -> None:
    try:
        condition = Condition.of(alarm)
    except NotImplementedError as error:
        raise ExpressionError(str(error)) from error
    periods = _periods(alarm)
    values = _values(alarm, periods)
    state = condition.state(values)
    if state is None or state == alarm["StateValue"]:
        return
    old, alarm["StateValue"] = alarm["StateValue"], state
    alarm["StateReason"] = condition.reason(values, state)
    data = _reason_data(alarm, condition, values, periods)
    alarm["StateReasonData"] = json.dumps(data, separators=(",", ":"))
    alarm["StateUpdatedTimestamp"] = alarm["StateTransitionedTimestamp"] = int(clock.now())
    _cloudwatch._record_history(alarm["AlarmName"], old, state, alarm["StateReason"], reason_data=data)
    _cloudwatch._dispatch_alarm_actions(alarm, old, state, alarm["StateReason"])
    _cloudwatch._evaluate_parent_alarms(alarm)


def _reason_data(alarm: Mapping[str, Any], condition: Condition, values: Series, periods: Periods) -> dict[str, Any]:
    data: dict[str, Any] = {
        "version": "1.0",
        "queryDate": _iso(clock.now()),
        "startDate": _iso(periods.end - periods.length * condition.periods),
        "period": periods.length,
        "recentDatapoints": condition.evaluated(values),
        "threshold": condition.threshold,
    }
    if "Metrics" not in alarm:
        data["statistic"] = alarm.get("ExtendedStatistic") or alarm.get("Statistic")
    return data


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
