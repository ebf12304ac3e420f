"""Event source mappings of queues: batches wait for their window, and may be larger than ten messages.

MiniStack hands over what is there at once, ten messages at most. Lambda waits until a batch is full or the window has
passed since its first message, and fills batches of up to 10,000 messages.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["PRIVATE_NAMES", "install"]

PRIVATE_NAMES = (
    "ministack.services.lambda_svc:_sqs_esm_concurrency",
    "ministack.services.sqs:_collect_msgs",
    "ministack.services.sqs:_dlq_sweep",
    "ministack.services.sqs:_expire_retained",
    "ministack.services.sqs:_get_q",
    "ministack.services.sqs:_queues_lock",
    "ministack.services.sqs:_receive_messages_for_esm",
)

_lambda: Any = ministack.module("services.lambda_svc")
_sqs: Any = ministack.module("services.sqs")

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


def _with_window(concurrency: Callable[..., int]) -> Callable[..., int]:
    def batches_at_once(
        mapping: Mapping[str, Any], function: Any, config: Any, queue: Mapping[str, Any] | None = None
    ) -> int:
        if queue and not _is_due(mapping, queue):
            return 0
        return concurrency(mapping, function, config, queue)

    return batches_at_once


def _receive(queue_url: str, most: int) -> list[dict[str, Any]]:
    """Stands in for MiniStack's own, without its limit of ten."""
    with _sqs._queues_lock:
        queue = _sqs._get_q(queue_url)
        visibility = int(queue["attributes"].get("VisibilityTimeout", _DEFAULT_VISIBILITY))
        _sqs._expire_retained(queue)
        _sqs._dlq_sweep(queue)
        messages: list[dict[str, Any]] = _sqs._collect_msgs(queue, most or 1, visibility)
        return messages


def install() -> None:
    """Let batches wait and grow."""
    _lambda._sqs_esm_concurrency = _with_window(_lambda._sqs_esm_concurrency)
    _sqs._receive_messages_for_esm = _receive
