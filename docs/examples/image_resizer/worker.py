"""Makes images smaller; a job is the key of one, and may come twice."""

import json
import logging

from queue_worker import Job, ReturnedJob, Worker

logger = logging.getLogger("resizer")


def resize(job: Job) -> None:
    """Work on one image, in steps that can be left when the task is stopped."""
    for size in json.loads(job.body)["sizes"]:
        if job.is_stopping:
            raise ReturnedJob
        logger.info("%s in %d pixels", job.message_id, size)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    Worker.from_environment(resize).run()
