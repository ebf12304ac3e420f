"""Application Auto Scaling: capacity is changed while alarms are raised, and when a scheduled action is due.

It goes by the clock of metrics: `cloud.metrics.advance(minutes=3)` lets an alarm rise, and what it scales be scaled.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.metrics import gauge
from cdp_constructs.local.services.autoscaling.model import Policy, Target, all_targets, capacity, set_capacity
from cdp_constructs.local.services.cloudwatch.expressions import Expressions
from cdp_constructs.local.services.cloudwatch.series import Periods, read

_cloudwatch: Any = ministack.module("services.cloudwatch", "_alarms")
_events: Any = ministack.module("services.eventbridge", "_cron_next_fire", "_parse_cron_fields", "_parse_rate_seconds")

_MINUTE = 60
_COOLDOWN = 300
_logger = logging.getLogger(__name__)


@gauge
def _scale() -> None:
    for target in all_targets():
        if capacity(target.key) is None:
            continue
        try:
            _act(target)
            for policy in target.policies.values():
                _follow(target, policy)
        except Exception:
            _logger.exception("%s cannot be scaled", target.key[1])


def _follow(target: Target, policy: Policy) -> None:
    for alarm in list(_cloudwatch._alarms.values()):
        if alarm["StateValue"] == "ALARM" and policy.arn in (alarm.get("AlarmActions") or []):
            tracking = policy.kind == "TargetTrackingScaling"
            wanted = _tracked(target, policy, alarm) if tracking else _stepped(target, policy, alarm)
            present = capacity(target.key)
            if wanted is None or present is None or wanted == present:
                continue
            way = "out" if wanted > present else "in"
            if tracking and way == "in" and not _all_would_scale_in(target):
                continue
            if not target.suspended.get(f"DynamicScaling{way.title()}Suspended") and _is_free(target, policy, way):
                set_capacity(
                    target, wanted, f"monitor alarm {alarm['AlarmName']} in state ALARM triggered policy {policy.name}"
                )


def _all_would_scale_in(target: Target) -> bool:
    """Whether every target tracking policy would take capacity away: one alone does not.

    https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
    """
    states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in _cloudwatch._alarms.values()}
    sides = [policy.alarms for policy in target.policies.values()]
    return all(states.get(alarms["low"]) == "ALARM" for alarms in sides if "low" in alarms)


def _is_free(target: Target, policy: Policy, way: str) -> bool:
    """Whether enough time has passed: scaling out ends a pause of scaling in, and not the other way round."""
    configuration = policy.configuration
    pause = float(configuration.get(f"Scale{way.title()}Cooldown", configuration.get("Cooldown", _COOLDOWN)))
    last = max(target.scaled.get(each, -math.inf) for each in (["out"] if way == "out" else ["out", "in"]))
    return clock.now() - last >= pause


def _value(alarm: Mapping[str, Any]) -> float | None:
    """Return the newest value of the last minutes of what an alarm watches."""
    if "Metrics" in alarm:
        return _value_of_math(alarm["Metrics"])
    metric = {name: alarm.get(name) for name in ("Namespace", "MetricName", "Dimensions")}
    length = int(alarm.get("Period") or _MINUTE)
    end = clock.now() // length * length
    values = read({"Metric": metric, "Stat": alarm.get("Statistic") or "Average"}, Periods(end - 3 * length, length, 3))
    return next((value for value in reversed(values) if value is not None), None)


def _value_of_math(queries: Sequence[Mapping[str, Any]]) -> float | None:
    end = clock.now() // _MINUTE * _MINUTE
    identity = next(query["Id"] for query in queries if query.get("ReturnData", True))
    values = Expressions(queries, Periods(end - 3 * _MINUTE, _MINUTE, 3)).value(identity)
    return next((value for value in reversed(values) if value is not None), None)


def _tracked(target: Target, policy: Policy, alarm: Mapping[str, Any]) -> int | None:
    """Return the capacity at which the metric would have its target value, if it is shared by all that is there."""
    present, value = capacity(target.key), _value(alarm)
    if present is None:
        return None
    if value is None:
        return present + 1 if alarm["ComparisonOperator"].startswith("Greater") else present - 1
    return math.ceil(max(present, 1) * value / float(policy.configuration["TargetValue"]) - 1e-9)


def _stepped(target: Target, policy: Policy, alarm: Mapping[str, Any]) -> int | None:
    present, value = capacity(target.key), _value(alarm)
    if present is None or value is None:
        return None
    beyond = value - float(alarm["Threshold"])
    for step in policy.configuration.get("StepAdjustments", []):
        low, high = step.get("MetricIntervalLowerBound", -math.inf), step.get("MetricIntervalUpperBound", math.inf)
        # A bound belongs to the step that is farther from the threshold.
        if (low <= beyond < high) if beyond >= 0 else (low < beyond <= high):
            return _adjusted(present, policy.configuration, int(step["ScalingAdjustment"]))
    return None


def _adjusted(present: int, configuration: Mapping[str, Any], adjustment: int) -> int:
    kind = configuration["AdjustmentType"]
    if kind == "ExactCapacity":
        return adjustment
    if kind == "ChangeInCapacity":
        return present + adjustment
    change = present * adjustment / 100
    least = int(configuration.get("MinAdjustmentMagnitude", 1))
    size = max(math.ceil(abs(change)) if abs(change) < 1 else math.floor(abs(change)), least)
    return present + int(math.copysign(size, adjustment))


# --- Scheduled actions ------------------------------------------------------------------------------------------------


def _act(target: Target) -> None:
    for action in target.actions.values():
        since = action.setdefault("_checked", clock.now())
        action["_checked"] = clock.now()
        if _is_due(action, since) and not target.suspended.get("ScheduledScalingSuspended"):
            changes = action.get("ScalableTargetAction") or {}
            target.least = changes.get("MinCapacity", target.least)
            target.most = changes.get("MaxCapacity", target.most)
            present = capacity(target.key)
            if present is not None:
                set_capacity(target, present, f"scheduled action name {action['ScheduledActionName']} was triggered")


def _is_due(action: Mapping[str, Any], since: float) -> bool:
    schedule, now = action["Schedule"], clock.now()
    start, end = (action.get(name) for name in ("StartTime", "EndTime"))
    if (start is not None and now < float(start)) or (end is not None and now > float(end)):
        return False
    kind, _, rest = schedule.partition("(")
    if kind == "at":
        moment = datetime.fromisoformat(rest.rstrip(")")).replace(tzinfo=UTC).timestamp()
        return since < moment <= now
    if kind == "rate":
        seconds = _events._parse_rate_seconds(schedule)
        return bool(seconds) and since // seconds != now // seconds
    following = _events._cron_next_fire(_events._parse_cron_fields(schedule), datetime.fromtimestamp(since, UTC))
    return following is not None and following.replace(tzinfo=UTC).timestamp() <= now
