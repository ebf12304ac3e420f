"""Works off queues: jobs by weight, kept invisible while they run, finished or returned when the task is stopped.

    def resize(job: Job) -> None:
        make_thumbnails(json.loads(job.body))

    Worker.from_environment(resize).run()

A job that fails is delivered again, later each time, and then moved to the dead-letter queue. Jobs may come twice.
"""

from .jobs import Job, ReturnedJob, pause_after
from .queues import Queue, queues_from_environment
from .turns import Turns
from .worker import Worker

__all__ = ["Job", "Queue", "ReturnedJob", "Turns", "Worker", "pause_after", "queues_from_environment"]
