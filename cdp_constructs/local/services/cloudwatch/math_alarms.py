"""CloudWatch: alarms on metric math, from templates and by `PutMetricAlarm`.

MiniStack's CloudFormation refuses them, and its API drops `Metrics`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.types import Properties

_cloudwatch: Any = ministack.module("services.cloudwatch", "_alarms")

_BAND = "ThresholdMetricId"
_OF_ONE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit", "Dimensions")


def _on_math(alarm: dict[str, Any], metrics: list[Any]) -> dict[str, Any]:
    return {name: value for name, value in alarm.items() if name not in _OF_ONE_METRIC} | {"Metrics": metrics}


@patch("ministack.services.cloudformation.provisioners:_cw_metric_alarm_record")
def _record(original: Callable[..., dict[str, Any]], name: str, properties: Properties) -> dict[str, Any]:
    metrics = properties.get("Metrics")
    if not metrics:
        return original(name, properties)
    plain = {key: value for key, value in properties.items() if key != "Metrics"}
    # What MiniStack requires. An alarm on an anomaly has a band for its threshold, and no number.
    required = {"MetricName": "expression", "Namespace": "MetricMath", "Threshold": plain.get("Threshold", 0)}
    alarm = _on_math(original(name, plain | required), [_typed(query) for query in metrics])
    if band := plain.get(_BAND):
        alarm[_BAND] = band
    return alarm


def _typed(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return a query of a template with the types that the API has."""
    typed = dict(query)
    if "ReturnData" in typed:
        typed["ReturnData"] = str(typed["ReturnData"]).lower() == "true"
    if "Period" in typed:
        typed["Period"] = int(typed["Period"])
    if "MetricStat" in typed:
        typed["MetricStat"] = {**typed["MetricStat"], "Period": int(typed["MetricStat"]["Period"])}
    return typed


@patch("ministack.services.cloudwatch:_put_metric_alarm")
def _put(original: Callable[..., Any], parameters: Any, request: dict[str, Any], *formats: bool) -> Any:
    answer = original(parameters, request, *formats)
    alarm = _cloudwatch._alarms.get(request.get("AlarmName"))
    if alarm is not None and request.get("Metrics"):
        band = {_BAND: request[_BAND]} if request.get(_BAND) else {}
        _cloudwatch._alarms[request["AlarmName"]] = _on_math(alarm, request["Metrics"]) | band
    return answer
