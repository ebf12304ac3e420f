"""QueueConsumer: how a function works on a queue."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

from aws_cdk import Duration
from constructs import Construct

from cdp_constructs.core.cdk import lambda_, sqs
from cdp_constructs.core.meanings import lacks_role
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.periods import minutes, seconds
from cdp_constructs.core.places import check_region
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_range

__all__ = ["QueueConsumer"]

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
_DEFAULT_CONCURRENCY = 10


@checks_options
@dataclass(frozen=True)
class QueueConsumer:
    """A function that works on a queue in batches, and how the queue treats it; checked when it is made.

    The function returns ``batchItemFailures``; only those messages are delivered again::

        orders.add_subscriber("Billing", consumer=QueueConsumer(billing_function, max_concurrency=20))

    Raises:
        InvalidOptionError: for values that SQS or Lambda would refuse.
    """

    function: "lambda_.IFunction | None" = None
    """Works on the queue. None: a program of yours polls it, and only the last two options apply."""

    _: KW_ONLY

    batch_size: int = 10
    """Most messages per call of the function, 1 to 10,000; above 10 needs ``batching_window``. FIFO takes at most 10.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """

    batching_window: Duration | None = None
    """How long to wait for a full batch, 1 second to 5 minutes; not for FIFO. Default: no wait."""

    max_concurrency: int = _DEFAULT_CONCURRENCY
    """Most batches worked on at a time, 2 to 1,000; it keeps a backlog from using up the account's concurrency."""

    visibility_timeout: Duration | None = None
    """How long a received message stays hidden, up to 12 hours.

    Default: six times the function's timeout plus ``batching_window``, which is also the least that is accepted; 30
    seconds without a function. Required for a function whose timeout is not known, such as an imported one.
    Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """

    max_receive_count: int = 5
    """Deliveries before a message moves to the dead-letter queue, 1 to 1,000.

    Below 5 a throttled function can lose messages to the dead-letter queue without having seen them.
    """

    def __post_init__(self) -> None:
        """Check every option that does not depend on the queue."""
        path = self._path()
        for option, value, low, high, unit, source in (
            ("max_receive_count", self.max_receive_count, 1, 1000, "deliveries", _SQS_LIMITS),
            ("max_concurrency", self.max_concurrency, 2, 1000, "batches", _SQS_SOURCE),
            ("batch_size", self.batch_size, 1, _LARGEST_BATCH, "messages", _SQS_SOURCE),
        ):
            check_range(path, option, value, low=low, high=high, unit=unit, source=source, tokens=True)
        if self.batching_window is not None:
            check_duration(
                path, "batching_window", self.batching_window, low=seconds(1), high=minutes(5), source=_SQS_SOURCE
            )
        elif self.batch_size > _LARGEST_IMMEDIATE_BATCH:
            fix = "Use at most 10, or give batching_window, at least 1 second; a FIFO queue takes at most 10"
            raise InvalidOptionError(path, "batch_size", f"is {self.batch_size} without batching_window", fix)
        if self.function is None:
            self._check_polled(path)
        elif lacks_role(self.function):
            fix = "Import it with its role: Function.from_function_attributes(function_arn=…, role=…)"
            problem = f"is {self.function.node.path}, which was imported without its role and may read no queue"
            raise InvalidOptionError(path, "function", problem, fix)
        self._check_visibility(path)

    def queue_visibility_timeout(self) -> Duration:
        """Return the visibility timeout of the queue: as given, or derived from the function's timeout."""
        return self.visibility_timeout or self._least_visibility() or seconds(_SQS_DEFAULT_VISIBILITY)

    def check_fifo(self, path: str) -> None:
        """Refuse what Lambda cannot do with a FIFO queue.

        Args:
            path: The path of the construct whose queue is FIFO.

        Raises:
            InvalidOptionError: for a batching window, without which batches have at most 10 messages.
        """
        if self.batching_window is not None:
            fix = "Leave it out: Lambda does not wait for a full batch of a FIFO queue"
            raise InvalidOptionError(path, "batching_window", "was given for a FIFO queue", fix)

    def bind(self, scope: "Construct", queue: "sqs.IQueue") -> "lambda_.EventSourceMapping | None":
        """Let the function consume the queue, by an event source mapping ``Consumer`` inside ``scope``.

        Returns:
            The event source mapping; None without a function.

        Raises:
            InvalidOptionError: for a queue of another Region.
        """
        if self.function is None:
            return None
        check_region(scope, "consumer.function", self.function, of_type="aws_lambda.IFunction")
        # Imported here: aws_lambda imports aws_ec2, and an application with a function has paid for both already.
        from cdp_constructs.core.event_sources import consume_queue

        return consume_queue(
            scope,
            "Consumer",
            self.function,
            queue,
            batch_size=self.batch_size,
            batching_window=self.batching_window,
            max_concurrency=self.max_concurrency,
        )

    def _path(self) -> str:
        """Where the mistake is: a value has no path of its own, so the function's stands for it."""
        return "QueueConsumer" if self.function is None else f"QueueConsumer of {self.function.node.path}"

    def _check_polled(self, path: str) -> None:
        for option, given in (
            ("batch_size", self.batch_size != _LARGEST_IMMEDIATE_BATCH),
            ("batching_window", self.batching_window is not None),
            ("max_concurrency", self.max_concurrency != _DEFAULT_CONCURRENCY),
        ):
            if given:
                fix = f"Give function, or leave {option} out: the program that polls the queue decides it"
                raise InvalidOptionError(path, option, "was given without a function", fix)

    def _check_visibility(self, path: str) -> None:
        least = self._least_visibility()
        if self.visibility_timeout is not None:
            check_duration(
                path,
                "visibility_timeout",
                self.visibility_timeout,
                low=least or seconds(0),
                high=_LONGEST_VISIBILITY,
                source=_SQS_LIMITS if least is None else _SQS_SOURCE,
                tokens=True,
            )
        elif self.function is not None and least is None:
            raise InvalidOptionError(
                path,
                "visibility_timeout",
                "is missing, and the function's timeout is not known",
                f"Give six times the function's timeout, and batching_window on top ({_SQS_SOURCE})",
            )

    def _least_visibility(self) -> Duration | None:
        """Return six times the function's timeout plus the batching window; None when the timeout is not known."""
        # An alias and a version have that of their function.
        function: Any = getattr(self.function, "lambda_", self.function)
        try:
            # Only a function of this app has it, and it is None when the function has Lambda's default.
            timeout: Duration | None = function.timeout
        except AttributeError:
            return None
        window = self.batching_window.to_seconds() if self.batching_window else 0
        longest = timeout.to_seconds() if timeout else _LAMBDA_DEFAULT_TIMEOUT
        return seconds(longest * _VISIBILITY_PER_TIMEOUT + window)
