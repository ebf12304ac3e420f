"""EventBridge Scheduler: when schedules are due, what their targets get, retries, and the dead-letter queue.

MiniStack evaluates `cron` and `at` in UTC, replaces no keywords such as `<aws.scheduler.scheduled-time>`, calls
targets whatever the role may, and neither retries nor keeps what could not be delivered. Here a schedule keeps its
time zone: a time that summer time leaves out is skipped, one that comes twice counts once. Targets are called under
their role. Errors of a service and throttling are retried, within seconds
instead of minutes, as the retry policy says; what the role does not allow, or does not exist, is not. The first
occurrence of a rate comes after one period, and a flexible time window begins at once.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
"""

import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from botocore.exceptions import ClientError

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.types import Attributes, Properties
from cdp_constructs.local.services.events import targets
from cdp_constructs.local.services.iam import sessions

__all__ = ["occurrence"]

_concurrency: Any = ministack.module("core.concurrency", "spawn_background")
_events: Any = ministack.module(
    "services.eventbridge", "_cron_next_fire", "_invoke_target", "_parse_cron_fields", "_parse_rate_seconds"
)
_responses: Any = ministack.module("core.responses", "new_uuid", "request_scope")
_scheduler: Any = ministack.module(
    "services.scheduler", "_at_time_epoch", "_schedule_last_fired", "_schedules", "_to_epoch"
)

_sqs: Any = ministack.module("services.sqs", "_queue_url_for_account")

_MOST_RETRIES, _LONGEST_AGE = 185, 86_400
_LONGEST_WAIT = 5.0
_LEFT_OUT = ("ActionAfterCompletion", "EndDate", "KmsKeyArn", "ScheduleExpressionTimezone", "StartDate")
_SERVER_ERRORS, _TOO_MANY = 500, 429

_logger = logging.getLogger(__name__)

_by_hand: dict[Any, float] = {}
"""By schedule, the time of the last occurrence that was asked for."""


def occurrence(expression: str, zone: str, last: float, now: float) -> float | None:
    """Return when a schedule was due after a time, None when it was not until now.

    Args:
        expression: A rate, `cron` or `at`.
        zone: The time zone of the last two.
        last: The occurrence before, or when the schedule was made, in seconds since the epoch.
        now: Until when.
    """
    if (seconds := _events._parse_rate_seconds(expression)) is not None:
        periods = int((now - last) // seconds)
        return last + periods * seconds if periods > 0 else None
    clock = ZoneInfo(zone)
    if (at := _scheduler._at_time_epoch(expression)) is not None:
        due = _moment(datetime.fromtimestamp(at, UTC), clock)
        return due if due is not None and last < due <= now else None
    fields = _events._parse_cron_fields(expression)
    wall = datetime.fromtimestamp(last, clock).replace(tzinfo=UTC)  # what a clock there shows
    while fields is not None and (wall := _events._cron_next_fire(fields, wall)) is not None:
        due = _moment(wall, clock)
        if due is not None and due > last:
            return due if due <= now else None
    return None


def _moment(wall: datetime, clock: ZoneInfo) -> float | None:
    """Return when a clock of a zone shows a time, the first time that it does; None when it never does."""
    moment = wall.replace(tzinfo=clock, fold=0).timestamp()
    return moment if datetime.fromtimestamp(moment, clock).replace(tzinfo=UTC, fold=0) == wall else None


@after("AWS::Scheduler::Schedule")
def _keep_properties(name: str, properties: Properties, _attributes: Attributes) -> None:
    """Keep what MiniStack's CloudFormation leaves out, the time zone among it."""
    schedule = _scheduler._schedules[f"{properties.get('GroupName', 'default')}/{name}"]
    schedule |= {key: properties[key] for key in _LEFT_OUT if properties.get(key) is not None}


@patch("ministack.services.scheduler:_tick_schedules")
def _tick(_original: Callable[[], None]) -> None:
    now = time.time()
    for key, schedule in list(_scheduler._schedules._data.items()):
        if schedule.get("State") == "ENABLED" and (due := _due(key, schedule, now)) is not None:
            # What was missed while nothing ran comes once.
            is_rate = schedule["ScheduleExpression"].startswith("rate(")
            _scheduler._schedule_last_fired[key] = due if is_rate else now
            _fire(key, schedule, due)
        _remove_when_completed(key, schedule, now)


def _due(key: Any, schedule: Mapping[str, Any], now: float) -> float | None:
    """Return the occurrence that is due."""
    fired = _scheduler._schedule_last_fired
    start, end = (_scheduler._to_epoch(schedule.get(name)) for name in ("StartDate", "EndDate"))
    if (start is not None and now < start) or (end is not None and now > end):
        return None
    if fired.get(key) == 0:  # by hand
        # Two occurrences never have one time, however soon after another they are asked for.
        _by_hand[key] = max(float(int(now)), _by_hand.get(key, 0) + 1)
        return _by_hand[key]
    expression, zone = schedule["ScheduleExpression"], schedule.get("ScheduleExpressionTimezone") or "UTC"
    if expression.startswith("at("):
        return None if key in fired else occurrence(expression, zone, float("-inf"), now)
    made = _scheduler._to_epoch(schedule.get("CreationDate")) or now
    return occurrence(expression, zone, fired.setdefault(key, made), now)


def _remove_when_completed(key: Any, schedule: Mapping[str, Any], now: float) -> None:
    end = _scheduler._to_epoch(schedule.get("EndDate"))
    fired = schedule["ScheduleExpression"].startswith("at(") and key in _scheduler._schedule_last_fired
    if schedule.get("ActionAfterCompletion") == "DELETE" and (fired or (end is not None and now > end)):
        _scheduler._schedules._data.pop(key, None)
        _scheduler._schedule_last_fired.pop(key, None)


def _fire(key: Any, schedule: Mapping[str, Any], due: float) -> None:
    account, region, _ = key

    def call() -> None:
        with _responses.request_scope(account, region):
            _call(schedule, region, datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    # Targets answer on the thread that calls them, and may call back.
    _concurrency.spawn_background(call, thread_name="schedule")


def _call(schedule: Mapping[str, Any], region: str, scheduled: str) -> None:
    """Call the target, as often as the retry policy says."""
    target = schedule.get("Target") or {}
    policy = target.get("RetryPolicy") or {}
    most = int(policy.get("MaximumRetryAttempts", _MOST_RETRIES))
    oldest = time.monotonic() + int(policy.get("MaximumEventAgeInSeconds", _LONGEST_AGE))
    retries = 0
    while True:
        execution = uuid.uuid4().hex[:16]
        payload = _payload(schedule, scheduled, execution, retries + 1)
        try:
            _deliver({**target, "Input": payload}, schedule, region, payload)
        except Exception as error:  # noqa: BLE001  # whatever a service answers, the call has failed
            _logger.warning("%s could not call %s: %s", schedule["Arn"], target.get("Arn"), error)
            wait = min(2.0**retries, _LONGEST_WAIT)
            exhausted = _exhausted(error, retries, most, time.monotonic() + wait > oldest)
            if exhausted is None:
                retries += 1
                time.sleep(wait)
                continue
            if queue := (target.get("DeadLetterConfig") or {}).get("Arn"):
                attributes = {
                    "EXECUTION_ID": execution,
                    "EXHAUSTED_RETRY_CONDITION": exhausted,
                    "IS_PAYLOAD_TRUNCATED": "false",
                    "RETRY_ATTEMPTS": str(retries),
                    "SCHEDULED_TIME": scheduled,
                    "SCHEDULE_ARN": schedule["Arn"],
                    "TARGET_ARN": target["Arn"],
                    **targets.said(error),
                }
                client = sessions.client("sqs", target["RoleArn"], "scheduler", queue.split(":")[3])
                targets.send(client, queue, _kept(target, payload), attributes)
        return


def _exhausted(error: Exception, retries: int, most: int, is_too_old: bool) -> str | None:
    """Return why a call is given up; empty for what no retry would help, None when it is retried."""
    if not isinstance(error, ClientError):
        return ""
    status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    if status < _SERVER_ERRORS and status != _TOO_MANY:
        return ""
    if retries >= most:
        return "MaximumRetryAttempts"
    return "MaximumEventAgeInSeconds" if is_too_old else None


def _payload(schedule: Mapping[str, Any], scheduled: str, execution: str, attempt: int) -> str:
    """Return the input of the target with its keywords replaced."""
    payload = (schedule.get("Target") or {}).get("Input") or "{}"
    for keyword, value in {
        "schedule-arn": schedule["Arn"],
        "scheduled-time": scheduled,
        "execution-id": execution,
        "attempt-number": str(attempt),
    }.items():
        payload = payload.replace(f"<aws.scheduler.{keyword}>", value)
    return str(payload)


def _message(target: Mapping[str, Any], payload: str) -> dict[str, Any]:
    """Return the request to a queue or a topic."""
    _, _, service, _, account, name = target["Arn"].split(":", 5)
    if service == "sns":
        return {"Message": payload, "TopicArn": target["Arn"]}
    url = _sqs._queue_url_for_account(account, name)
    return {"MessageBody": payload, "QueueUrl": url, **target.get("SqsParameters", {})}


def _kept(target: Mapping[str, Any], payload: str) -> str:
    """Return what a dead-letter queue gets: the request to a queue or a topic, and the payload of others."""
    of_request = target["Arn"].split(":")[2] in {"sns", "sqs"}
    return json.dumps(_message(target, payload), separators=(",", ":")) if of_request else payload


def _to_queue(client: Any, target: Mapping[str, Any], payload: str) -> None:
    client.send_message(**_message(target, payload))


def _to_topic(client: Any, target: Mapping[str, Any], payload: str) -> None:
    client.publish(**_message(target, payload))


def _to_function(client: Any, target: Mapping[str, Any], payload: str) -> None:
    client.invoke(FunctionName=target["Arn"], InvocationType="Event", Payload=payload.encode())


def _to_event_bus(client: Any, target: Mapping[str, Any], payload: str) -> None:
    sessions.put_event(client, {**target["EventBridgeParameters"], "Detail": payload, "EventBusName": target["Arn"]})


_CALLED: Mapping[str, Callable[[Any, Mapping[str, Any], str], None]] = {
    "events": _to_event_bus,
    "lambda": _to_function,
    "sns": _to_topic,
    "sqs": _to_queue,
}
"""By service, what calls a target; rules reach these by the policies of the resources, schedules by their roles."""


def _deliver(target: Mapping[str, Any], schedule: Mapping[str, Any], region: str, payload: str) -> None:
    service, _, _, resource = target["Arn"].split(":", 5)[2:]
    if service in _CALLED:
        _CALLED[service](sessions.client(service, target["RoleArn"], "scheduler", region), target, payload)
    elif service in targets.CALLED:
        targets.CALLED[service](target, region, resource.rpartition("/")[2], payload, {})
    else:
        event = {
            "EventId": _responses.new_uuid(),
            "Source": "aws.scheduler",
            "DetailType": "Scheduled Event",
            "Detail": "{}",
            "Time": time.time(),
            "Resources": [schedule["Arn"]],
            "Account": schedule["Arn"].split(":")[4],
            "Region": region,
        }
        _events._invoke_target(target, event, schedule)
