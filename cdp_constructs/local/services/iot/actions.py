"""IoT Core: rule actions, also those that MiniStack ignores.

An action is performed only if the role that the rule names may do it; then it is performed by the account's root.
Records of Kinesis and Firehose are put without a request to this server itself, which would be what a message costs.
What is selected of a payload that is not JSON are its bytes, which not every action takes.
"""

import asyncio
import base64
import http
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.sdk import client
from cdp_constructs.local.services.iot.executed import PERFORMED
from cdp_constructs.local.services.iot.rule_roles import ActionFailedError, check, check_function
from cdp_constructs.local.services.iot.templates import fill

_Parameters: TypeAlias = dict[str, Any]
_Answer: TypeAlias = tuple[int, Mapping[str, str], bytes]
"""Status, headers and body."""

_iot: Any = ministack.module(
    "services.iot", "_MAX_REPUBLISH_DEPTH", "_republish_depth", "_rule_role_principal", "broker_publish"
)
_firehose: Any = ministack.module("services.firehose", "_put_record", "_streams")
_kinesis: Any = ministack.module("services.kinesis", "_put_record")
_sns: Any = ministack.module("services.sns", "publish_internal")
_responses: Any = ministack.module("core.responses")


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


def _notification(action: Mapping[str, str], body: bytes) -> _Answer:
    # None is the answer for a topic that does not exist.
    published = _sns.publish_internal(action["targetArn"], body.decode())
    return (200, {}, b"") if published else (404, {}, f"topic {action['targetArn']} does not exist".encode())


_IN_PROCESS: Mapping[str, Callable[[Mapping[str, str], bytes], _Answer]] = {
    "kinesis": _kinesis_record,
    "firehose": _firehose_record,
    "sns": _notification,
}
"""Actions that are a call in this process."""


def _body(event: Any) -> bytes:
    return event if isinstance(event, bytes) else json.dumps(event).encode()


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


async def _republish(account: str, region: str, action: Mapping[str, str], event: Any) -> None:
    depth = _iot._republish_depth.get()
    if depth >= _iot._MAX_REPUBLISH_DEPTH:
        raise ActionFailedError(f"the message was republished {depth} times already")
    # A topic that begins with $ is written with two, as one begins a template.
    topic = action["topic"].removeprefix("$") if action["topic"].startswith("$$") else action["topic"]
    token = _iot._republish_depth.set(depth + 1)
    try:
        await _iot.broker_publish(
            account,
            region,
            topic,
            _body(event),
            qos=int(action.get("qos") or 0),
            principal=_iot._rule_role_principal(account, action.get("roleArn") or ""),
        )
    finally:
        _iot._republish_depth.reset(token)


@patch("ministack.services.iot:_dispatch_rule_action")
async def _dispatch(
    original: Callable[..., Awaitable[None]],
    account: str,
    region: str,
    rule_name: str,
    action: dict[str, Any],
    event: Any,
) -> None:
    filled = await fill(action)
    name = next(iter(filled), "")
    if name not in PERFORMED:
        raise ActionFailedError(f"the embedded cloud does not perform the action {name}")
    check(filled, region, account)
    if name in _ACTIONS:
        await asyncio.to_thread(_perform, name, filled[name], event, account, region)
    elif name in _IN_PROCESS:
        if _waits(name, filled[name], account, region):
            await asyncio.to_thread(_put, name, filled[name], event, account, region)
        else:
            _put(name, filled[name], event, account, region)
    elif name == "republish":
        await _republish(account, region, filled[name], event)
    elif name == "sqs":
        await original(account, region, rule_name, filled, _body(event).decode())
    else:
        if name == "lambda":
            check_function(filled[name]["functionArn"], rule_name, region, account)
        if isinstance(event, bytes) or (name == "dynamoDBv2" and not isinstance(event, dict)):
            raise ActionFailedError(f"the action {name} takes JSON, and the payload is none")
        await original(account, region, rule_name, filled, event)
