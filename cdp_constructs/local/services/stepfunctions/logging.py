"""Step Functions: the history of executions in CloudWatch Logs, as the logging configuration of a state machine says.

https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
"""

import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.types import Attributes, Properties

_logs: Any = ministack.module("services.cloudwatch_logs", "_create_log_stream", "_log_groups", "_put_log_events")
_responses: Any = ministack.module("core.responses", "request_scope")
_states: Any = ministack.module("services.stepfunctions", "_state_machines")

_FATAL = ("ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut")
_ERROR = ("Failed", "TimedOut", "Aborted")
"""Ends of the types of events that are written at the level `ERROR`."""
_DATA = ("input", "inputDetails", "output", "outputDetails", "parameters")
_STREAM = "streamOfLog"


def _as_api(value: Any) -> Any:
    """Return a property of a template under the names of the API, which begin with a small letter."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: _as_api(item) for name, item in value.items()}
    return [_as_api(item) for item in value] if isinstance(value, list) else value


@after("AWS::StepFunctions::StateMachine")
def _configure(arn: str, properties: Properties, _attributes: Attributes) -> None:
    if logging := properties.get("LoggingConfiguration"):
        configuration = {"level": "OFF", **_as_api(logging)}
        included = str(configuration.get("includeExecutionData", "false")).lower() == "true"
        _states._state_machines[arn]["loggingConfiguration"] = {**configuration, "includeExecutionData": included}


@patch("ministack.services.stepfunctions:_add_event")
def _add_event(
    original: Callable[..., Any], execution: dict[str, Any], event_type: str, details: Mapping[str, Any] | None = None
) -> Any:
    first = execution["events"][0] if len(execution["events"]) == 1 else None
    event = original(execution, event_type, details)
    machine = _states._state_machines.get(execution.get("stateMachineArn")) or {}
    configuration = machine.get("loggingConfiguration") or {}
    if configuration.get("level", "OFF") != "OFF":
        for each in filter(None, (first, event)):
            if _is_written(configuration["level"], each["type"]):
                _write(configuration, machine, execution, each)
    return event


def _is_written(level: str, event_type: str) -> bool:
    if level == "ALL":
        return True
    return event_type in _FATAL or (level == "ERROR" and event_type.endswith(_ERROR))


def _write(
    configuration: Mapping[str, Any], machine: Mapping[str, Any], execution: dict[str, Any], event: Mapping[str, Any]
) -> None:
    at = datetime.fromisoformat(str(event["timestamp"]))
    milliseconds = int(at.timestamp() * 1000)
    details: Mapping[str, Any] = next((value for name, value in event.items() if name.endswith("EventDetails")), {})
    if not configuration.get("includeExecutionData"):
        details = {name: value for name, value in details.items() if name not in _DATA}
    entry = {
        "id": str(event["id"]),
        "type": event["type"],
        "details": details,
        "previous_event_id": str(event["id"] - 1),
        "event_timestamp": str(milliseconds),
        "execution_arn": execution["executionArn"],
        "redrive_count": "0",
    }
    now = datetime.now(UTC)
    stream = execution.setdefault(_STREAM, f"states/{machine['name']}/{now:%Y-%m-%d-%H-%M}/{secrets.token_hex(4)}")
    for destination in configuration.get("destinations") or []:
        _, _, _, region, account, _, group, *_ = destination["cloudWatchLogsLogGroup"]["logGroupArn"].split(":")
        with _responses.request_scope(account, region):
            if group not in _logs._log_groups:
                continue
            named = {"logGroupName": group, "logStreamName": stream}
            if stream not in _logs._log_groups[group]["streams"]:
                _logs._create_log_stream(named)
            _logs._put_log_events({**named, "logEvents": [{"timestamp": milliseconds, "message": json.dumps(entry)}]})
