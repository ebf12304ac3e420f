"""CloudWatch Logs: destinations of other accounts, saved queries, limits of `PutLogEvents`, permissions.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
"""

import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.resources import Request, resource_of
from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType
from cdp_constructs.local.kit.validation import InvalidValueError, validate

__all__ = ["RESOURCE_TYPES"]

_logs: Any = ministack.module("services.cloudwatch_logs", "_log_groups")
_responses: Any = ministack.module("core.responses")

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::Logs::Destination",
        Api(
            service="logs",
            create="put_destination",
            update="put_destination",
            delete="delete_destination",
            ref="Properties.DestinationName",
            key={"destinationName": "Id"},
            attributes={"Arn": "arn:aws:logs:{Region}:{Account}:destination:{Id}"},
            replacing=("DestinationName",),
        ),
    ),
    resource_type(
        "AWS::Logs::QueryDefinition",
        Api(
            service="logs",
            create="put_query_definition",
            update="put_query_definition",
            delete="delete_query_definition",
            ref="Response.queryDefinitionId",
            key={"queryDefinitionId": "Id"},
            attributes={"QueryDefinitionId": "Id"},
        ),
    ),
)

_STREAM = ":log-stream:"


@resource_of("logs")
def _resource(known: Callable[[bytes], str], request: Request) -> str:
    """Name the log stream, too: policies name log groups as `Fn::GetAtt` and the CDK do, with `:*` at the end."""
    arn = known(request.body)
    try:
        given = json.loads(request.body)
    except ValueError:
        return arn
    if not isinstance(given, dict) or not arn.endswith(f":log-group:{given.get('logGroupName')}"):
        return arn
    return f"{arn}{_STREAM}{given.get('logStreamName') or ''}"


@patch("ministack.core.iam_actions:logs_service_context")
def _context(original: Callable[..., dict[str, Any]], action: str, body: bytes, arn: str, *more: Any) -> dict[str, Any]:
    return original(action, body, arn.partition(_STREAM)[0], *more)


_queries: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
"""Saved queries by id, by account and Region."""

_KEPT = ("name", "queryString", "logGroupNames", "queryLanguage")
_Request = Mapping[str, Any]


def _saved() -> dict[str, dict[str, Any]]:
    return _queries.setdefault((_responses.get_account_id(), _responses.get_region()), {})


def _put(request: _Request) -> Any:
    query_id = request.get("queryDefinitionId")
    if query_id is None:
        query_id = str(uuid.uuid4())
    elif query_id not in _saved():
        return _missing()
    kept = {name: request[name] for name in _KEPT if name in request}
    now = int(time.time() * 1000)
    _saved()[query_id] = {"queryLanguage": "CWLI", **kept, "queryDefinitionId": query_id, "lastModified": now}
    return _responses.json_response({"queryDefinitionId": query_id})


def _describe(request: _Request) -> Any:
    prefix = request.get("queryDefinitionNamePrefix", "")
    found = [query for query in _saved().values() if query["name"].startswith(prefix)]
    return _responses.json_response({"queryDefinitions": sorted(found, key=lambda query: str(query["name"]))})


def _delete(request: _Request) -> Any:
    if _saved().pop(request.get("queryDefinitionId", ""), None) is None:
        return _missing()
    return _responses.json_response({"success": True})


def _missing() -> Any:
    return _responses.error_response_json("ResourceNotFoundException", "There is no such query definition", 400)


_OPERATIONS: Mapping[str, Callable[[_Request], Any]] = {
    "PutQueryDefinition": _put,
    "DescribeQueryDefinitions": _describe,
    "DeleteQueryDefinition": _delete,
}


@patch("ministack.services.cloudwatch_logs:handle_request")
async def _handle(
    original: Callable[..., Awaitable[Any]], method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any
) -> Any:
    operation = _OPERATIONS.get(headers.get("x-amz-target", "").rpartition(".")[2])
    if operation is None:
        return await original(method, path, headers, body, query)
    return operation(json.loads(body or b"{}"))


_MOST_BYTES = 1_048_576
_BYTES_BESIDE = 26  # what counts for each event, beside its message
_MOST_EVENTS = 10_000
_HOUR = 3_600_000
_DAY = 24 * _HOUR
_FUTURE = 2 * _HOUR
_PAST = 14 * _DAY
_OK = 200
_RETENTIONS = {
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
}


def _invalid(message: str) -> InvalidValueError:
    return InvalidValueError("InvalidParameterException", message)


@validate(types=("AWS::Logs::LogGroup",), requests={"logs": ("CreateLogGroup",)})
def _reserved_name(values: Mapping[str, Any]) -> None:
    name = values.get("LogGroupName", values.get("logGroupName")) or ""
    if name.lower().startswith("aws/"):
        raise _invalid("Log groups starting with AWS/ are reserved for AWS.")


@validate(types=("AWS::Logs::LogGroup",))
def _retention(values: Mapping[str, Any]) -> None:
    days = values.get("RetentionInDays")
    if days is not None and int(days) not in _RETENTIONS:
        raise _invalid(f"#/RetentionInDays: {days} is not a valid enum value")


@validate(types=("AWS::Logs::ResourcePolicy",))
def _document_is_text(values: Mapping[str, Any]) -> None:
    if not isinstance(values.get("PolicyDocument"), str):
        raise _invalid("#/PolicyDocument: expected type: String, found: JSONObject")


@validate(requests={"logs": ("PutLogEvents",)})
def _batch(values: Mapping[str, Any]) -> None:
    events = values["logEvents"]
    if not 1 <= len(events) <= _MOST_EVENTS:
        raise _invalid(
            f"1 validation error detected: Value at 'logEvents' failed to satisfy constraint: Member must have length "
            f"greater than or equal to 1 and less than or equal to {_MOST_EVENTS}"
        )
    sizes = [len(event["message"].encode()) + _BYTES_BESIDE for event in events]
    if max(sizes) > _MOST_BYTES:
        raise _invalid(f"Log event too large: {max(sizes)} bytes exceeds limit of {_MOST_BYTES}")
    if sum(sizes) > _MOST_BYTES:
        raise _invalid(f"Upload too large: {sum(sizes)} bytes exceeds limit of {_MOST_BYTES}")
    if any(before["timestamp"] > after["timestamp"] for before, after in pairwise(events)):
        raise _invalid("Log events in a single PutLogEvents request must be in chronological order.")
    now = int(time.time() * 1000)
    valid = [event["timestamp"] for event in events if now - _PAST <= event["timestamp"] <= _latest()]
    if valid and valid[-1] - valid[0] > _DAY:
        raise _invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")


@patch("ministack.services.cloudwatch_logs:_put_log_events")
def _put_log_events(original: Callable[..., Any], request: _Request) -> Any:
    """Leave out what is too old or too new, and say which."""
    events = request.get("logEvents") or []
    rejected = _rejected(request.get("logGroupName", ""), events)
    first = max(rejected.get("tooOldLogEventEndIndex", 0), rejected.get("expiredLogEventEndIndex", 0))
    valid = events[first : rejected.get("tooNewLogEventStartIndex")]
    status, headers, body = original({**request, "logEvents": valid})
    if status == _OK and rejected:
        return _responses.json_response({**json.loads(body), "rejectedLogEventsInfo": rejected})
    return status, headers, body


def _latest() -> int:
    """Return the last time that is taken: the clock of metrics, which may be ahead, is that of some services."""
    return int(max(time.time(), clock.now()) * 1000) + _FUTURE


def _rejected(group: str, events: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    now = int(time.time() * 1000)
    days = (_logs._log_groups.get(group) or {}).get("retentionInDays")
    stamps = [event.get("timestamp", now) for event in events]
    too_old = sum(stamp < now - _PAST for stamp in stamps)
    expired = sum(stamp < now - days * _DAY for stamp in stamps) if days else 0
    latest = _latest()
    in_time = sum(stamp <= latest for stamp in stamps)
    return {
        **({"tooNewLogEventStartIndex": in_time} if in_time < len(stamps) else {}),
        **({"tooOldLogEventEndIndex": too_old} if too_old else {}),
        **({"expiredLogEventEndIndex": expired} if expired else {}),
    }
