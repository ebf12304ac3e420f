"""SQS: policies in templates, redrive of dead-letter queues, the permission of batch operations, limits of messages.

MiniStack lacks `StartMessageMoveTask`. On AWS batch operations are no IAM actions: `sqs:SendMessage` covers
`SendMessageBatch`.
"""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, patch_each, replace
from cdp_constructs.local.kit.resources import Request, resource_of
from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType
from cdp_constructs.local.kit.validation import InvalidValueError, validate
from cdp_constructs.local.services import message_attributes

_sqs: Any = ministack.module("services.sqs", "_Err", "_queue_by_arn", "_queues", "esm_wake")

_TASKS_KEPT = 10  # what ListMessageMoveTasks gives at most
_tasks: dict[str, list[dict[str, Any]]] = {}
"""Move tasks by the ARN of their source, the last one first."""


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::SQS::QueueInlinePolicy",
        Api(
            service="sqs",
            create="set_queue_attributes",
            update="set_queue_attributes",
            delete="set_queue_attributes",
            ref="Properties.Queue",
            key={"QueueUrl": "Id"},
            delete_key={"Attributes": '`{"Policy": ""}`'},
            adapt=lambda properties: {
                "QueueUrl": properties["Queue"],
                "Attributes": {"Policy": properties["PolicyDocument"]},
            },
            replacing=("Queue",),
        ),
    ),
)


def _queue(arn: str) -> dict[str, Any]:
    queue: dict[str, Any] | None = _sqs._queue_by_arn(arn)
    if queue is None:
        raise _sqs._Err("ResourceNotFoundException", f"The resource that you specified for {arn} doesn't exist.")
    return queue


def _is_dead_letter_queue(arn: str) -> bool:
    policies = (queue["attributes"].get("RedrivePolicy") for queue in _sqs._queues.values())
    return any(policy and json.loads(policy).get("deadLetterTargetArn") == arn for policy in policies)


def _start(data: dict[str, Any], _url: str) -> dict[str, Any]:
    source_arn, destination_arn = data["SourceArn"], data.get("DestinationArn")
    source = _queue(source_arn)
    if not _is_dead_letter_queue(source_arn):
        raise _sqs._Err("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
    if destination_arn:
        _queue(destination_arn)
    now, moved, kept = time.time(), 0, []
    for message in source["messages"]:
        target = destination_arn or message.get("sys", {}).get("DeadLetterQueueSourceArn")
        queue = _sqs._queue_by_arn(target) if target and message["visible_at"] <= now else None
        if queue is None:
            kept.append(message)
            continue
        # On AWS it is a new message with the same body: a new id, not received yet.
        fresh: dict[str, Any] = {"id": str(uuid.uuid4()), "sent_at": now, "visible_at": now, "enqueued_at": now}
        fresh |= {"receipt_handle": None, "receive_count": 0, "first_receive_at": None}
        system = {name: value for name, value in message.get("sys", {}).items() if name != "DeadLetterQueueSourceArn"}
        queue["messages"].append({**message, **fresh, "sys": system})
        moved += 1
    source["messages"] = kept
    _sqs.esm_wake.set()
    task = {
        "TaskHandle": str(uuid.uuid4()),
        "Status": "COMPLETED",
        "SourceArn": source_arn,
        "ApproximateNumberOfMessagesMoved": moved,
        "ApproximateNumberOfMessagesToMove": moved + len(kept),
        "StartedTimestamp": int(now * 1000),
    }
    if destination_arn:
        task["DestinationArn"] = destination_arn
    _tasks[source_arn] = [task, *_tasks.get(source_arn, [])][:_TASKS_KEPT]
    return {"TaskHandle": task["TaskHandle"]}


def _list(data: dict[str, Any], _url: str) -> dict[str, Any]:
    _queue(data["SourceArn"])
    tasks = _tasks.get(data["SourceArn"], [])[: int(data.get("MaxResults", 1))]
    # Only a running task can be cancelled, so only that has a handle; here none runs any more.
    return {"Results": [{name: value for name, value in task.items() if name != "TaskHandle"} for task in tasks]}


@replace("ministack.services.sqs:_HANDLERS")
def _with_move_tasks(original: dict[str, Any]) -> dict[str, Any]:
    return {**original, "StartMessageMoveTask": _start, "ListMessageMoveTasks": _list}


@resource_of("sqs")
def _source_of_task(known: Callable[[bytes], str], request: Request) -> str:
    if "MessageMoveTask" in request.headers.get("x-amz-target", ""):
        return str(json.loads(request.body).get("SourceArn", "*"))
    return known(request.body)


@patch("ministack.core.iam_actions:extract_iam_action")
def _action_of_batch(original: Callable[..., str | None], service: str, *rest: Any, **more: Any) -> str | None:
    action = original(service, *rest, **more)
    return action.removesuffix("Batch") if service == "sqs" and action else action


_MOST_DELAY_SECONDS = 900
_MOST_ATTRIBUTES = 10


@patch_each("ministack.services.sqs:_act_send_message", "ministack.services.sqs:_HANDLERS[SendMessage]")
def _send(original: Callable[..., dict[str, Any]], data: dict[str, Any], url: str) -> dict[str, Any]:
    delay, attributes = data.get("DelaySeconds"), data.get("MessageAttributes") or {}
    if delay is not None and not 0 <= int(delay) <= _MOST_DELAY_SECONDS:
        reason = f"DelaySeconds must be >= 0 and <= {_MOST_DELAY_SECONDS}."
        raise _sqs._Err(
            "InvalidParameterValue", f"Value {delay} for parameter DelaySeconds is invalid. Reason: {reason}"
        )
    if len(attributes) > _MOST_ATTRIBUTES:
        raise _sqs._Err(
            "InvalidParameterValue",
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{_MOST_ATTRIBUTES}].",
        )
    if problem := message_attributes.problem_of(attributes):
        raise _sqs._Err("InvalidParameterValue", problem)
    return original(data, url)


@validate(types=("AWS::SQS::Queue",), requests={"sqs": ("CreateQueue", "SetQueueAttributes")})
def _same_type(values: Mapping[str, Any]) -> None:
    attributes = values.get("Attributes") or values
    policy = attributes.get("RedrivePolicy") or {}
    policy = json.loads(policy) if isinstance(policy, str) else policy
    target = str(policy.get("deadLetterTargetArn") or "")
    named = str(values.get("QueueName") or values.get("QueueUrl") or "").endswith(".fifo")
    is_fifo = named or str(attributes.get("FifoQueue", "")).lower() == "true"
    if target.startswith("arn:") and target.endswith(".fifo") != is_fifo:
        reason = "Dead-letter queue must be same type of queue as the source."
        message = f"Value {json.dumps(policy)} for parameter RedrivePolicy is invalid. Reason: {reason}"
        raise InvalidValueError("InvalidParameterValue", message)


_MOST_OF_RECEIVE = {"VisibilityTimeout": 43_200, "WaitTimeSeconds": 20}


@patch_each("ministack.services.sqs:_act_receive_message", "ministack.services.sqs:_HANDLERS[ReceiveMessage]")
def _receive(original: Callable[..., Any], data: dict[str, Any], url: str) -> Any:
    for name, most in _MOST_OF_RECEIVE.items():
        if (value := data.get(name)) is not None and not 0 <= int(value) <= most:
            reason = f"Must be between 0 and {most}, if provided."
            raise _sqs._Err("InvalidParameterValue", f"Value {value} for parameter {name} is invalid. Reason: {reason}")
    return original(data, url)
