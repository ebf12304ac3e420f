"""IoT Core: rule actions that MiniStack ignores, and substitution templates in every action.

An action is performed only if the role that the rule names may do it; then it is performed by the account's root.
"""

import asyncio
import contextvars
import json
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.sdk import client
from cdp_constructs.local.services.iot.rule_roles import check_role

_Parameters: TypeAlias = dict[str, Any]

_iot: Any = ministack.module("services.iot", "_MISSING", "_eval_select_expr", "_rule_message")
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
    "kinesis": (
        "kinesis",
        "put_record",
        lambda action, body: {
            "StreamName": action["streamName"],
            "PartitionKey": action.get("partitionKey") or str(uuid.uuid4()),
            "Data": body,
        },
    ),
    "firehose": (
        "firehose",
        "put_record",
        lambda action, body: {
            "DeliveryStreamName": action["deliveryStreamName"],
            "Record": {"Data": body + action.get("separator", "").encode()},
        },
    ),
    "dynamoDB": ("dynamodb", "put_item", _dynamodb_item),
    "cloudwatchLogs": ("logs", "put_log_events", _log_event),
    "stepFunctions": ("stepfunctions", "start_execution", _execution),
}
"""Actions by name: the service, the method of its client, and the method's parameters for an action and a message."""


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
    check_role(filled, region, account)
    known = next((name for name in filled if name in _ACTIONS), None)
    if known is None:
        await original(account, region, rule_name, filled, event)
    else:
        await asyncio.to_thread(_perform, known, filled[known], event, account, region)
