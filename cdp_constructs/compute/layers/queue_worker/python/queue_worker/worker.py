"""The worker: receives jobs by turns, runs them, and ends as it should."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

import boto3

from .jobs import Job, ReturnedJob, pause_after
from .protection import Protection
from .queues import Queue, queues_from_environment
from .turns import Turns

__all__ = ["Worker"]

_LONGEST_WAIT, _WAIT_BESIDE_OTHERS = 20, 5
_MARGIN = 5.0
_POLL_SECONDS = 0.5
_PAUSE_AFTER_ERROR = 5.0
_logger = logging.getLogger("queue_worker")


class Worker:
    """Works off queues until it is told to stop.

    Args:
        queues: The queues.
        handler: Works on one job; what it raises means that the job failed.
        concurrency: Jobs at a time.
        stop_seconds: How long jobs may go on after SIGTERM; Amazon ECS kills the task after its stop timeout.
        sqs: The client of SQS.
        protection: Protects the task while a job runs that takes longer than it could finish after SIGTERM.
    """

    def __init__(
        self,
        queues: Sequence[Queue],
        handler: Callable[[Job], object],
        *,
        concurrency: int = 1,
        stop_seconds: float = 110.0,
        sqs: Any = None,
        protection: Protection | None = None,
    ) -> None:
        self._queues = {queue.name: queue for queue in queues}
        self._handler = handler
        self._turns = Turns({queue.name: queue.weight for queue in queues})
        self._stop_seconds = stop_seconds
        self._sqs = sqs or boto3.client("sqs")
        self._protection = protection or Protection()
        self._free = threading.Semaphore(concurrency)
        self._stopping = threading.Event()
        self._jobs: dict[str, Job] = {}

    @classmethod
    def from_environment(cls, handler: Callable[[Job], object]) -> Self:
        """Return a worker for the queues of ``QueueWorkers``."""
        return cls(
            queues_from_environment(),
            handler,
            concurrency=int(os.environ.get("WORK_CONCURRENCY", "1")),
            stop_seconds=float(os.environ.get("WORK_STOP_SECONDS", "115")) - _MARGIN,
        )

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; then let jobs finish, and return those that do not."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        threading.Thread(target=self._look_after_jobs, name="jobs", daemon=True).start()
        while not self._stopping.is_set():
            if not self._free.acquire(timeout=_POLL_SECONDS):
                continue
            job = self._next_job()
            if job is None:
                self._free.release()
                continue
            self._jobs[job.message_id] = job
            # A daemon: one that does not end does not keep the process.
            threading.Thread(target=self._work, args=[job], name=f"job-{job.message_id}", daemon=True).start()
        self._drain()

    def stop(self) -> None:
        """Receive no further jobs; ``run`` returns when those that run have finished or were returned."""
        self._stopping.set()

    def _next_job(self) -> Job | None:
        """Return a job of the queue whose turn it is, or of another one; None when all are empty."""
        order = self._turns.order()
        try:
            for name in order:
                if (job := self._receive(self._queues[name], 0)) is not None:
                    self._turns.had_job(name)
                    return job
                self._turns.was_empty(name)
            heaviest = max(self._queues.values(), key=lambda queue: queue.weight)
            wait = _LONGEST_WAIT if len(self._queues) == 1 else _WAIT_BESIDE_OTHERS
            return self._receive(heaviest, wait)
        except Exception:  # such as a network that is away for a moment
            _logger.exception("no job could be received")
            self._stopping.wait(_PAUSE_AFTER_ERROR)
            return None

    def _receive(self, queue: Queue, wait: int) -> Job | None:
        if self._stopping.is_set():
            return None
        answer = self._sqs.receive_message(
            QueueUrl=queue.url,
            MaxNumberOfMessages=1,
            WaitTimeSeconds=wait,
            VisibilityTimeout=queue.visibility_seconds,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        messages = answer.get("Messages", [])
        if not messages:
            return None
        job = Job(queue, messages[0], self._sqs, self._stopping)
        if self._stopping.is_set():  # it came while the task was told to stop
            job.give_back(0)
            return None
        return job

    def _work(self, job: Job) -> None:
        try:
            self._handler(job)
        except ReturnedJob:
            job.give_back(0)
        except Exception:
            _logger.exception("job %s of %s failed, delivery %d", job.message_id, job.queue, job.receives)
            job.give_back(pause_after(job.receives))
        else:
            try:
                job.finish()
            except Exception:  # it is delivered again
                _logger.exception("job %s could not be deleted", job.message_id)
        finally:
            self._jobs.pop(job.message_id, None)
            self._free.release()

    def _look_after_jobs(self) -> None:
        while True:
            jobs = list(self._jobs.values())
            for job in jobs:
                job.renew()
            # Short jobs finish within the stop timeout, and need no call for each.
            self._protection.set(any(time.monotonic() - job.started > self._stop_seconds / 2 for job in jobs))
            time.sleep(_POLL_SECONDS)

    def _drain(self) -> None:
        deadline = time.monotonic() + self._stop_seconds
        while self._jobs and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS / 5)
        for job in list(self._jobs.values()):
            _logger.warning("job %s is returned: it did not finish in time", job.message_id)
            job.give_back(0)
