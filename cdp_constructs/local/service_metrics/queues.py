"""SQS: messages sent, received and deleted, and what is in the queues.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.metrics import emit, gauge
from cdp_constructs.local.kit.patch import patch

_responses: Any = ministack.module("core.responses")
_sqs: Any = ministack.module("services.sqs", "_get_q", "_queue_by_arn", "_queues")

_ACTIVE_SECONDS = 3600
"""How long an empty queue goes on emitting; six hours on AWS."""

_used: dict[str, float] = {}
"""When a queue last had messages, by its URL, on the clock of metrics."""


def _name(url: str) -> dict[str, str]:
    return {"QueueName": url.rpartition("/")[2]}


def _counted(action: str, data: Mapping[str, Any], result: Mapping[str, Any]) -> tuple[str, int] | None:
    match action:
        case "SendMessage":
            return "NumberOfMessagesSent", 1
        case "SendMessageBatch":
            return "NumberOfMessagesSent", len(result.get("Successful") or [])
        case "ReceiveMessage":
            return "NumberOfMessagesReceived", len(result.get("Messages") or [])
        case "DeleteMessage":
            return "NumberOfMessagesDeleted", 1
        case "DeleteMessageBatch":
            return "NumberOfMessagesDeleted", len(data.get("Entries") or [])
    return None


@patch("ministack.services.sqs:_dispatch")
async def _dispatch(
    original: Callable[..., Awaitable[dict[str, Any]]], action: str, data: dict[str, Any], url: str
) -> dict[str, Any]:
    result = await original(action, data, url)
    counted = _counted(action, data, result)
    if counted is not None:
        name, messages = counted
        queue = _name(data.get("QueueUrl") or url)
        if action == "ReceiveMessage" and not messages:
            emit("AWS/SQS", "NumberOfEmptyReceives", queue)
        elif messages:
            emit("AWS/SQS", name, queue, messages)
    return result


@patch("ministack.services.sqs:_receive_messages_for_esm")
def _received(original: Callable[..., list[dict[str, Any]]], url: str, most: int) -> list[dict[str, Any]]:
    messages = original(url, most)
    if messages:
        emit("AWS/SQS", "NumberOfMessagesReceived", _name(url), len(messages))
    return messages


@patch("ministack.services.sqs:_delete_messages_for_esm")
def _deleted(original: Callable[..., None], url: str, handles: set[str]) -> None:
    original(url, handles)
    if handles:
        emit("AWS/SQS", "NumberOfMessagesDeleted", _name(url), len(handles))


@gauge
def _in_queues() -> None:
    now = time.time()
    for (account, region, _), queue in _sqs._queues.all_items():
        messages = list(queue["messages"])
        if messages:
            _used[queue["url"]] = clock.now()
        elif clock.now() - _used.get(queue["url"], 0) > _ACTIVE_SECONDS:
            continue
        visible = sum(1 for message in messages if message.get("visible_at", 0) <= now)
        received = sum(1 for message in messages if message.get("visible_at", 0) > now and message.get("receive_count"))
        oldest = min((message.get("sent_at", now) for message in messages), default=None)
        age = 0.0 if oldest is None else clock.now() - clock.at(oldest)
        with _responses.request_scope(account, region):
            of_queue = {"QueueName": queue["name"]}
            emit("AWS/SQS", "ApproximateNumberOfMessagesVisible", of_queue, visible)
            emit("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", of_queue, received)
            emit("AWS/SQS", "ApproximateNumberOfMessagesDelayed", of_queue, len(messages) - visible - received)
            emit("AWS/SQS", "ApproximateAgeOfOldestMessage", of_queue, round(age), unit="Seconds")
