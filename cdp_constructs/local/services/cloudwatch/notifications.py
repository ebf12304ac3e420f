"""CloudWatch: what an alarm sends when its state changes, to its topics and to EventBridge.

A topic gets nothing when its policy, or that of its key, does not let CloudWatch publish.
"""

import functools
import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import botocore.session

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.patch import patch

_events: Any = ministack.module("services.eventbridge", "_put_events")
_responses: Any = ministack.module("core.responses")
_sns: Any = ministack.module("services.sns", "_fanout", "topic_policy_allows")

_logger = logging.getLogger(__name__)

_ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}


@functools.cache
def _region_names() -> Mapping[str, str]:
    endpoints = botocore.session.get_session().get_data("endpoints")
    return {
        region: about["description"]
        for partition in endpoints["partitions"]
        for region, about in partition["regions"].items()
    }


def _region() -> str:
    """Return the current Region as notifications name it, for example `US East (N. Virginia)`."""
    region: str = _responses.get_region()
    return _region_names().get(region, region)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


@patch("ministack.services.cloudwatch:_dispatch_alarm_actions")
def _notify(_original: Callable[..., None], alarm: dict[str, Any], old: str, new: str, reason: str) -> None:
    _send_event(alarm, old, new, reason)
    if not alarm.get("ActionsEnabled", True):
        return
    message, subject = None, f'{new}: "{alarm["AlarmName"]}" in {_region()}'[:100]
    for action in alarm.get(_ACTIONS[new]) or []:
        if action.split(":")[2] != "sns":
            continue
        if not _sns.topic_policy_allows(
            action, "cloudwatch.amazonaws.com", alarm["AlarmArn"], _responses.get_account_id()
        ):
            _logger.warning("CloudWatch may not publish to %s, so %s notifies nobody", action, alarm["AlarmName"])
            continue
        message = message or json.dumps(_message(alarm, old, new, reason))
        _sns._fanout(action, _responses.new_uuid(), message, subject)


def _message(alarm: Mapping[str, Any], old: str, new: str, reason: str) -> dict[str, Any]:
    message = {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription") or None,
        "AWSAccountId": _responses.get_account_id(),
        "AlarmConfigurationUpdatedTimestamp": _time(alarm.get("AlarmConfigurationUpdatedTimestamp") or clock.now()),
        "NewStateValue": new,
        "NewStateReason": reason,
        "StateChangeTime": _time(clock.now()),
        "Region": _region(),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": old,
        **{name: alarm.get(name) or [] for name in _ACTIONS.values()},
    }
    if "AlarmRule" not in alarm:
        return message | {"Trigger": _trigger(alarm)}
    triggering = json.loads(alarm.get("StateReasonData") or "{}").get("triggeringAlarms", [])
    children = [
        {"Arn": one["arn"], "State": {"Value": one["state"]["value"], "Timestamp": one["state"]["timestamp"]}}
        for one in triggering
    ]
    return message | {"AlarmRule": alarm["AlarmRule"], "TriggeringChildren": children}


def _dimensions(given: Any) -> list[dict[str, str]]:
    return [{"value": dimension["Value"], "name": dimension["Name"]} for dimension in given or []]


def _trigger(alarm: Mapping[str, Any]) -> dict[str, Any]:
    trigger = {
        "Period": alarm.get("Period"),
        "EvaluationPeriods": alarm.get("EvaluationPeriods"),
        "DatapointsToAlarm": alarm.get("DatapointsToAlarm"),
        "ComparisonOperator": alarm.get("ComparisonOperator"),
        "Threshold": alarm.get("Threshold"),
        "TreatMissingData": alarm.get("TreatMissingData"),
        "EvaluateLowSampleCountPercentile": "",
    }
    trigger = {name: value for name, value in trigger.items() if value is not None}
    if "Metrics" in alarm:
        return trigger | {"Metrics": [_query(query) for query in alarm["Metrics"]]}
    extended = alarm.get("ExtendedStatistic")
    statistic = (
        {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": extended}
        if extended
        else {"StatisticType": "Statistic", "Statistic": str(alarm.get("Statistic")).upper()}
    )
    about = {"MetricName": alarm.get("MetricName"), "Namespace": alarm.get("Namespace"), "Unit": alarm.get("Unit")}
    return about | statistic | {"Dimensions": _dimensions(alarm.get("Dimensions"))} | trigger


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    if "MetricStat" not in query:
        return dict(query)
    statistic = query["MetricStat"]
    metric = {**statistic["Metric"], "Dimensions": _dimensions(statistic["Metric"].get("Dimensions"))}
    return {**query, "MetricStat": {**statistic, "Metric": metric}}


def _send_event(alarm: Mapping[str, Any], old: str, new: str, reason: str) -> None:
    """Put the event of the change, as AWS documents it.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
    """
    configuration: dict[str, Any] = {"description": alarm.get("AlarmDescription") or ""}
    if "AlarmRule" in alarm:
        configuration["alarmRule"] = alarm["AlarmRule"]
    else:
        configuration["metrics"] = [_event_metric(query) for query in _queries(alarm)]
    state = {"value": new, "reason": reason, "timestamp": _time(clock.now())}
    if alarm.get("StateReasonData"):
        state["reasonData"] = alarm["StateReasonData"]
    detail = {
        "alarmName": alarm["AlarmName"],
        "state": state,
        "previousState": {"value": old},
        "configuration": configuration,
    }
    entry = {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Resources": [alarm["AlarmArn"]],
        "Detail": json.dumps(detail),
    }
    _events._put_events({"Entries": [entry]}, allow_aws_source=True)


def _queries(alarm: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "Metrics" in alarm:
        return list(alarm["Metrics"])
    metric = {name: alarm.get(name) for name in ("Namespace", "MetricName", "Dimensions")}
    stat = alarm.get("ExtendedStatistic") or alarm.get("Statistic")
    return [{"Id": "m1", "MetricStat": {"Metric": metric, "Period": alarm.get("Period"), "Stat": stat}}]


def _event_metric(query: Mapping[str, Any]) -> dict[str, Any]:
    about = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
    if "MetricStat" not in query:
        return about | {"expression": query.get("Expression")}
    statistic = query["MetricStat"]
    metric = statistic["Metric"]
    dimensions = {item["Name"]: item["Value"] for item in metric.get("Dimensions") or []}
    return about | {
        "metricStat": {
            "metric": {"namespace": metric["Namespace"], "name": metric["MetricName"], "dimensions": dimensions},
            "period": statistic["Period"],
            "stat": statistic["Stat"],
        }
    }
