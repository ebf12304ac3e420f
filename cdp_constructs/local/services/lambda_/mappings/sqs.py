"""Event source mappings of queues: batches wait for their window, and may be larger than ten messages.

MiniStack passes the messages that are available at once, ten at most. Lambda waits until a batch is full or the window
has passed since its first message, and fills batches of up to 10,000 messages. A report of failures that MiniStack
cannot read would delete the messages.
"""

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.lambda_.mappings.reports import REPORT, failed_of

_sqs: Any = ministack.module(
    "services.sqs", "_collect_msgs", "_dlq_sweep", "_expire_retained", "_get_q", "_queues_lock"
)

_batch: ContextVar[list[str] | None] = ContextVar("_batch", default=None)
"""The ids of the messages that a function is invoked with, in the thread that invokes it."""

_DEFAULT_BATCH_SIZE = 10
_DEFAULT_VISIBILITY = 30


def _is_due(mapping: Mapping[str, Any], queue: Mapping[str, Any]) -> bool:
    """Whether a batch is full, or its first message has waited for the window."""
    window = int(mapping.get("MaximumBatchingWindowInSeconds") or 0)
    if not window:
        return True
    now = time.time()
    since = (message.get("visible_at", message["sent_at"]) for message in list(queue["messages"]))
    waiting = [at for at in since if at <= now]
    full = len(waiting) >= int(mapping.get("BatchSize") or _DEFAULT_BATCH_SIZE)
    return full or (bool(waiting) and now - min(waiting) >= window)


@patch("ministack.services.lambda_svc:_sqs_esm_concurrency")
def _batches_at_once(
    original: Callable[..., int],
    mapping: Mapping[str, Any],
    function: Any,
    config: Any,
    queue: Mapping[str, Any] | None = None,
) -> int:
    if queue and not _is_due(mapping, queue):
        return 0
    return original(mapping, function, config, queue)


@patch("ministack.services.sqs:_receive_messages_for_esm")
def _receive(_original: Callable[..., Any], queue_url: str, most: int) -> list[dict[str, Any]]:
    """Receive without MiniStack's limit of ten messages."""
    with _sqs._queues_lock:
        queue = _sqs._get_q(queue_url)
        visibility = int(queue["attributes"].get("VisibilityTimeout", _DEFAULT_VISIBILITY))
        _sqs._expire_retained(queue)
        _sqs._dlq_sweep(queue)
        messages: list[dict[str, Any]] = _sqs._collect_msgs(queue, most or 1, visibility)
        return messages


@patch("ministack.services.lambda_svc:_run_sqs_batch")
def _run(original: Callable[..., None], mapping: Any, function: Any, event: Mapping[str, Any], *rest: Any) -> None:
    token = _batch.set([record["messageId"] for record in event["Records"]])
    try:
        original(mapping, function, event, *rest)
    finally:
        _batch.reset(token)


@patch("ministack.services.lambda_svc:_execute_function")
def _execute(original: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Make every report one that MiniStack reads."""
    result, known = original(*arguments, **options), _batch.get()
    body = result.get("body") if isinstance(result, dict) else None
    if known is None or not isinstance(body, dict) or not body.get(REPORT):
        return result
    return {**result, "body": {REPORT: [{"itemIdentifier": each} for each in failed_of(body, known)]}}
