"""The queues of a worker."""

import json
import os
from dataclasses import dataclass

__all__ = ["Queue", "queues_from_environment"]


@dataclass(frozen=True)
class Queue:
    """A queue that is worked off."""

    name: str
    url: str
    weight: int = 1
    visibility_seconds: int = 60
    """How long a job is invisible to others; it is renewed while the job runs."""


def queues_from_environment() -> list[Queue]:
    """Return the queues of ``WORK_QUEUES``, which ``QueueWorkers`` sets."""
    return [Queue(**described) for described in json.loads(os.environ["WORK_QUEUES"])]
