"""Alarms of CloudWatch as values of Zabbix's items."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic_core import from_json

from .sender import Value

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.client import CloudWatchClient

__all__ = ["Alarm", "UnreadableAlarmError", "read", "report", "value_of", "watched"]

_STATES = {"OK": 0, "ALARM": 1, "INSUFFICIENT_DATA": 2}


class UnreadableAlarmError(ValueError):
    """A message that is no change of an alarm."""


@dataclass(frozen=True)
class Alarm:
    """An alarm, and since when it has its state, in seconds since 1970."""

    name: str
    state: str
    since: int
    description: str = ""


def read(body: str) -> Alarm:
    """Return the alarm of a notification of CloudWatch.

    Raises:
        UnreadableAlarmError: when it is none, saying why.
    """
    try:
        message = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise UnreadableAlarmError("no JSON") from error
    if not isinstance(message, dict):
        raise UnreadableAlarmError("no object")
    name, state, changed = (message.get(field) for field in ("AlarmName", "NewStateValue", "StateChangeTime"))
    if not isinstance(name, str) or not name:
        raise UnreadableAlarmError("AlarmName is no text, or empty")
    if not isinstance(state, str) or state not in _STATES:
        raise UnreadableAlarmError("NewStateValue is no state of an alarm")
    try:
        since = datetime.fromisoformat(changed).timestamp()  # type: ignore[arg-type]  # what is no text is refused
    except (TypeError, ValueError, OverflowError) as error:
        raise UnreadableAlarmError("StateChangeTime is no time") from error
    return Alarm(name, state, int(since))


def watched(cloudwatch: "CloudWatchClient", topic_arn: str) -> Iterable[Alarm]:
    """Return the alarms that notify a topic, with their states."""
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmTypes=["MetricAlarm", "CompositeAlarm"], ActionPrefix=topic_arn, PaginationConfig={"PageSize": 100}
    )
    for page in pages:
        for found in (*page["MetricAlarms"], *page["CompositeAlarms"]):
            since = int(found["StateUpdatedTimestamp"].timestamp())
            yield Alarm(found["AlarmName"], found["StateValue"], since, found.get("AlarmDescription", ""))


def value_of(alarm: Alarm, host: str, *, clock: int) -> Value:
    """Return the state of an alarm as the value of its item: 0 for OK, 1 for ALARM, 2 for INSUFFICIENT_DATA.

    Args:
        alarm: The alarm.
        host: Name of the host in Zabbix.
        clock: When it was seen in that state.
    """
    name = alarm.name.replace('"', '\\"')
    return Value(host, f'cloudwatch.alarm["{name}"]', str(_STATES[alarm.state]), clock)


def report(alarms: Sequence[Alarm], host: str, *, now: int) -> list[Value]:
    """Return all alarms for the discovery rule, their number, and the state of each."""
    rows = [{"{#ALARM}": alarm.name, "{#DESCRIPTION}": alarm.description} for alarm in alarms]
    return [
        Value(host, "cloudwatch.alarms", json.dumps(rows), now),
        Value(host, "cloudwatch.alarms.count", str(len(alarms)), now),
        *(value_of(alarm, host, clock=now) for alarm in alarms),
    ]
