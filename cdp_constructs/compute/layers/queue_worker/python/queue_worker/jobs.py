"""A job: a message that one worker has for as long as it says so to its queue."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from .queues import Queue

__all__ = ["Job", "ReturnedJob", "pause_after"]

_FIRST_PAUSE, _LONGEST_PAUSE = 10, 900
_logger = logging.getLogger("queue_worker")


class ReturnedJob(Exception):  # noqa: N818 - no error: the handler asks for it
    """A handler raises this to give its job back, to be delivered again at once, such as when the task stops."""


def pause_after(receives: int) -> int:
    """Return for how many seconds a job that failed stays invisible: longer each time, at most 15 minutes.

    Args:
        receives: How often it was delivered.
    """
    return int(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(max(receives, 1) - 1, 10)))


class Job:
    """What a handler gets.

    Args:
        queue: Where it came from.
        message: As SQS has delivered it.
        sqs: The client of SQS.
        stopping: Is set when the task is to stop.
    """

    def __init__(
        self,
        queue: Queue,
        message: Mapping[str, Any],
        sqs: Any,
        stopping: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.queue = queue.name
        self.body: str = message["Body"]
        self.message_id: str = message["MessageId"]
        self.attributes: Mapping[str, Any] = message.get("MessageAttributes", {})
        self.receives = int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1))
        self.started = clock()
        self._queue, self._sqs, self._stopping, self._clock = queue, sqs, stopping, clock
        self._receipt = message["ReceiptHandle"]
        self._renewed = self.started
        self._changing = threading.Lock()
        self._is_over = False
        self.is_lost = False
        """Whether the queue could not be told that the job still runs: another worker may have it."""

    @property
    def is_stopping(self) -> bool:
        """Whether the task is to stop: a long job saves its progress and raises ``ReturnedJob``."""
        return self._stopping.is_set()

    def renew(self) -> None:
        """Keep the job invisible to others, when half of the time has passed."""
        with self._changing:
            due = self._clock() - self._renewed >= self._queue.visibility_seconds / 2
            if due and not self._is_over and not self.is_lost:
                self.is_lost = not self._set_visibility(self._queue.visibility_seconds)
                self._renewed = self._clock()

    def finish(self) -> None:
        """Delete the message, unless another worker may have it."""
        with self._changing:
            if self._end() and not self.is_lost:
                self._sqs.delete_message(QueueUrl=self._queue.url, ReceiptHandle=self._receipt)

    def give_back(self, seconds: int) -> None:
        """Let the job be delivered again after some seconds; SQS moves it to the dead-letter queue when it is time."""
        with self._changing:
            if self._end():
                self._set_visibility(seconds)

    def _end(self) -> bool:
        """Return whether this is the first time: a job that was given back is not finished as well."""
        first, self._is_over = not self._is_over, True
        return first

    def _set_visibility(self, seconds: int) -> bool:
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self._queue.url, ReceiptHandle=self._receipt, VisibilityTimeout=seconds
            )
        except Exception:  # whatever it was: the job goes on, and may run twice
            _logger.exception("visibility of job %s could not be changed", self.message_id)
            return False
        return True
