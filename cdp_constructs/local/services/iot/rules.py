"""IoT Core: rule actions that MiniStack ignores, and substitution templates in every action.

An action is performed only if the role that the rule names may do it; then it is performed by the account's root.
Records of Kinesis and Firehose are put without a request to this server itself, which would be what a message costs.
"""

import asyncio
import base64
import contextvars
import http
import json
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.sdk import client
from cdp_constructs.local.services.iot.rule_roles import check

_Parameters: TypeAlias = dict[str, Any]
_Answer: TypeAlias = tuple[int, Mapping[str, str], bytes]
"""Status, headers and body."""

_iot: Any = ministack.module("services.iot", "_MISSING", "_eval_select_expr", "_rule_message")
_firehose: Any = ministack.module("services.firehose", "_put_record", "_streams")
_kinesis: Any = ministack.module("services.kinesis", "_put_record")
_responses: Any = ministack.module("core.responses")

_TEMPLATE = re.compile(r"\$\{([^{}]+)\}")

_evaluator: contextvars.ContextVar[Callable[[str], Any] | None] = contextvars.ContextVar("_evaluator", default=None)
"""Evaluates an expression of the rule language against the message whose rule is running."""


def _dynamodb_item(action: Mapping[str, str], body: bytes) -> _Parameters:
    keys = {
        action[f"{kind}KeyField"]: {"N" if action.get(f"{kind}KeyType") == "NUMBER" else "S": action[f"{kind}KeyValue"]}
        for kind in ("hash", "range")
        if action.get(f"{kind}KeyField")
    }
    return {
        "TableName": action["tableName"],
        "Item": {**keys, action.get("payloadField", "payload"): {"S": body.decode()}},
    }


def _log_event(action: Mapping[str, str], body: bytes) -> _Parameters:
    logs = client("logs")
    stream = f"iot-{uuid.uuid4()}"
    logs.create_log_stream(logGroupName=action["logGroupName"], logStreamName=stream)
    event = {"timestamp": int(time.time() * 1000), "message": body.decode()}
    return {"logGroupName": action["logGroupName"], "logStreamName": stream, "logEvents": [event]}


def _execution(action: Mapping[str, str], body: bytes) -> _Parameters:
    machine = "arn:aws:states:{}:{}:stateMachine:{}".format(
        _responses.get_region(), _responses.get_account_id(), action["stateMachineName"]
    )
    name = f"{action.get('executionNamePrefix', '')}{uuid.uuid4()}"
    return {"stateMachineArn": machine, "name": name, "input": body.decode()}


_ACTIONS: Mapping[str, tuple[str, str, Callable[[Mapping[str, str], bytes], _Parameters]]] = {
    "s3": (
        "s3",
        "put_object",
        lambda action, body: {"Bucket": action["bucketName"], "Key": action["key"], "Body": body},
    ),
    "dynamoDB": ("dynamodb", "put_item", _dynamodb_item),
    "cloudwatchLogs": ("logs", "put_log_events", _log_event),
    "stepFunctions": ("stepfunctions", "start_execution", _execution),
}
"""Actions by name: the service, the method of its client, and the method's parameters for an action and a message."""


def _kinesis_record(action: Mapping[str, str], body: bytes) -> _Answer:
    request = {
        "StreamName": action["streamName"],
        "PartitionKey": action.get("partitionKey") or str(uuid.uuid4()),
        "Data": base64.b64encode(body).decode(),
    }
    return _kinesis._put_record(request)  # type: ignore[no-any-return]  # MiniStack's


def _firehose_record(action: Mapping[str, str], body: bytes) -> _Answer:
    data = body + action.get("separator", "").encode()
    request = {
        "DeliveryStreamName": action["deliveryStreamName"],
        "Record": {"Data": base64.b64encode(data).decode()},
    }
    return _firehose._put_record(request)  # type: ignore[no-any-return]  # MiniStack's


_IN_PROCESS: Mapping[str, Callable[[Mapping[str, str], bytes], _Answer]] = {
    "kinesis": _kinesis_record,
    "firehose": _firehose_record,
}
"""Actions that are a call in this process."""


def _substitute(value: Any, evaluate: Callable[[str], Any]) -> Any:
    if isinstance(value, dict):
        return {key: _substitute(item, evaluate) for key, item in value.items()}
    if isinstance(value, list):
        return [_substitute(item, evaluate) for item in value]
    if not isinstance(value, str):
        return value

    def text(match: re.Match[str]) -> str:
        found = evaluate(match[1])
        if found is _iot._MISSING:
            return "undefined"
        return found if isinstance(found, str) else json.dumps(found)

    return _TEMPLATE.sub(text, value)


def _body(event: Any) -> bytes:
    if isinstance(event, bytes):
        return event
    return (event if isinstance(event, str) else json.dumps(event)).encode()


def _put(name: str, action: Mapping[str, str], event: Any, account: str, region: str) -> None:
    with _responses.request_scope(account, region):
        status, _headers, answer = _IN_PROCESS[name](action, _body(event))
    if status != http.HTTPStatus.OK:
        raise RuntimeError(f"{name}: {answer.decode(errors='replace')}")


def _waits(name: str, action: Mapping[str, str], account: str, region: str) -> bool:
    """Whether a record is put into a destination that is written at once, and so not on the event loop."""
    with _responses.request_scope(account, region):
        stream = _firehose._streams.get(action["deliveryStreamName"]) if name == "firehose" else None
    return stream is not None and any(one["type"] == "Iceberg" for one in stream["destinations"])


def _perform(name: str, action: Mapping[str, str], event: Any, account: str, region: str) -> None:
    service, method, parameters = _ACTIONS[name]
    with _responses.request_scope(account, region):
        getattr(client(service), method)(**parameters(action, _body(event)))


@patch("ministack.services.iot:_rule_message")
def _message(original: Callable[[bytes], Any], payload: bytes) -> Any:
    """Take what Python cannot read as JSON, as too deep or too long a number, for text; it would end the connection."""
    try:
        return original(payload)
    except (RecursionError, ValueError):
        return payload.decode()


@patch("ministack.services.iot:_run_rule_actions")
async def _run_actions(
    original: Callable[..., Awaitable[None]],
    account: str,
    region: str,
    rule: Any,
    payload: bytes,
    topic: str = "",
    client_id: str | None = None,
) -> None:
    message = _iot._rule_message(payload or b"")

    def evaluate(expression: str) -> Any:
        return _iot._eval_select_expr(expression, topic, payload, message, client_id)

    token = _evaluator.set(evaluate)
    try:
        await original(account, region, rule, payload, topic, client_id)
    finally:
        _evaluator.reset(token)


@patch("ministack.services.iot:_dispatch_rule_action")
async def _dispatch(
    original: Callable[..., Awaitable[None]],
    account: str,
    region: str,
    rule_name: str,
    action: dict[str, Any],
    event: Any,
) -> None:
    evaluate = _evaluator.get()
    filled = _substitute(action, evaluate) if evaluate else action
    check(filled, region, account)
    name = next((name for name in filled if name in _ACTIONS or name in _IN_PROCESS), None)
    if name is None:
        await original(account, region, rule_name, filled, event)
    elif name in _ACTIONS:
        await asyncio.to_thread(_perform, name, filled[name], event, account, region)
    elif _waits(name, filled[name], account, region):
        await asyncio.to_thread(_put, name, filled[name], event, account, region)
    else:
        _put(name, filled[name], event, account, region)
