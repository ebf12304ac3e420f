"""EventBridge: rules, archives and schedules that AWS refuses."""

import json
import zoneinfo
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.validation import InvalidValueError, validate
from cdp_constructs.local.services.events.expressions import is_cron, is_rate, is_time

_events: Any = ministack.module("services.eventbridge", "_event_pattern_error")

_MOST_TARGETS = 5


@validate(types=("AWS::Events::Rule",), requests={"events": ("PutRule",)})
def _rule(values: Mapping[str, Any]) -> None:
    pattern, schedule = values.get("EventPattern"), values.get("ScheduleExpression")
    if not (pattern or schedule):
        raise InvalidValueError(
            "ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified."
        )
    if schedule and not (is_rate(schedule) or is_cron(schedule)):
        raise InvalidValueError("ValidationException", f"Parameter ScheduleExpression is not valid: {schedule}")
    if schedule and str(values.get("EventBusName", "default")).rpartition("/")[2] != "default":
        raise InvalidValueError("ValidationException", "ScheduleExpression is supported only on the default event bus.")
    _check_pattern(pattern)
    if len(values.get("Targets") or ()) > _MOST_TARGETS:
        raise InvalidValueError("LimitExceededException", f"A rule has at most {_MOST_TARGETS} targets.")


@validate(requests={"events": ("CreateArchive", "UpdateArchive")})
def _archive(values: Mapping[str, Any]) -> None:
    _check_pattern(values.get("EventPattern"))


def _check_pattern(pattern: Any) -> None:
    text = pattern if isinstance(pattern, str) else json.dumps(pattern) if pattern else ""
    if text and (problem := _events._event_pattern_error(text)):
        raise InvalidValueError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {problem}")


@validate(types=("AWS::Scheduler::Schedule",), requests={"scheduler": ("CreateSchedule", "UpdateSchedule")})
def _schedule(values: Mapping[str, Any]) -> None:
    expression, zone = values["ScheduleExpression"], values.get("ScheduleExpressionTimezone")
    if not (is_rate(expression, grammatical=False) or is_cron(expression) or is_time(expression)):
        raise InvalidValueError("ValidationException", f"Invalid Schedule Expression {expression}.")
    zones = zoneinfo.available_timezones()
    if zone and zones and zone not in zones:
        raise InvalidValueError("ValidationException", f"Invalid Schedule Expression Timezone {zone}.")
