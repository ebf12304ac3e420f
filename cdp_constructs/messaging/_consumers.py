"""Checks how a function consumes a queue against the limits of SQS and Lambda."""

from typing import TYPE_CHECKING

from aws_cdk import Duration

from cdp_constructs.core.periods import minutes, seconds
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_range

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

_SQS_LIMITS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"
_SQS_SOURCE = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"
# What Lambda runs a function with that names no timeout, in seconds.
_LAMBDA_DEFAULT_TIMEOUT = 3
_VISIBILITY_PER_TIMEOUT = 6
_SQS_DEFAULT_VISIBILITY = 30
_LONGEST_VISIBILITY = Duration.hours(12)
_LARGEST_BATCH = 10_000
# Without a batching window, and for FIFO always.
_LARGEST_IMMEDIATE_BATCH = 10


def visibility_timeout_for(
    path: str,
    handler: "lambda_.IFunction | None",
    requested: Duration | None,
    *,
    batching_window: Duration | None = None,
) -> Duration:
    """Return how long a received message stays hidden: as requested, or six times the handler's timeout.

    The batching window comes on top: a message that was received waits for it before the handler is called.

    Raises:
        InvalidOptionError: when it is less than that or more than 12 hours, or neither is known.
    """
    timeout = _timeout_of(handler)
    window = batching_window.to_seconds() if batching_window else 0
    least = seconds(0) if timeout is None else seconds(timeout * _VISIBILITY_PER_TIMEOUT + window)
    if requested is not None:
        check_duration(
            path,
            "visibility_timeout",
            requested,
            low=least,
            high=_LONGEST_VISIBILITY,
            source=_SQS_LIMITS if timeout is None else _SQS_SOURCE,
        )
        return requested
    if timeout is not None:
        return least
    if handler is not None:
        raise InvalidOptionError(
            path,
            "visibility_timeout",
            "is not given, and the handler's timeout is not known",
            f"Give six times the handler's timeout, and batching_window on top ({_SQS_SOURCE})",
        )
    return seconds(_SQS_DEFAULT_VISIBILITY)


def _timeout_of(handler: "lambda_.IFunction | None") -> float | None:
    """Return a function's timeout in seconds; only one made in this app tells it, and none when it has the default."""
    try:
        timeout: Duration | None = handler.timeout  # type: ignore[union-attr]
    except AttributeError:
        return None
    return timeout.to_seconds() if timeout else _LAMBDA_DEFAULT_TIMEOUT


def check_consumer(
    path: str,
    *,
    fifo: bool,
    max_receive_count: int,
    batch_size: int,
    batching_window: Duration | None,
    max_concurrency: int,
) -> None:
    """Refuse what an event source mapping would refuse.

    Raises:
        InvalidOptionError: naming the option, the range and its source.
    """
    check_range(path, "max_receive_count", max_receive_count, low=1, high=1000, unit="deliveries", source=_SQS_LIMITS)
    check_range(path, "max_concurrency", max_concurrency, low=2, high=1000, unit="batches", source=_SQS_SOURCE)
    check_range(
        path,
        "batch_size",
        batch_size,
        low=1,
        high=_LARGEST_IMMEDIATE_BATCH if fifo else _LARGEST_BATCH,
        unit="messages",
        source=_SQS_SOURCE,
    )
    if batching_window is None:
        if batch_size > _LARGEST_IMMEDIATE_BATCH:
            fix = "Give batching_window, at least 1 second, or a batch_size of at most 10"
            raise InvalidOptionError(path, "batch_size", f"is {batch_size} without batching_window", fix)
        return
    if fifo:
        fix = "Leave it out: Lambda does not wait for a full batch of a FIFO queue"
        raise InvalidOptionError(path, "batching_window", "was given for a FIFO queue", fix)
    check_duration(path, "batching_window", batching_window, low=seconds(1), high=minutes(5), source=_SQS_SOURCE)
