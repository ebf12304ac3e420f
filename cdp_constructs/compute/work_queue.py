"""WorkQueue and WorkerTask: what QueueWorkers works off, and what works."""

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

from aws_cdk import Duration
from aws_cdk import aws_ecs as ecs

from cdp_constructs.core.cdk import sqs
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.periods import minutes, seconds
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_range

__all__ = ["WorkQueue", "WorkerTask"]

_SQS_LIMITS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"
_FARGATE = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html"
_NAME = re.compile(r"[A-Z][A-Za-z0-9]{0,39}")
_HEAVIEST = 100
_MOST_JOBS = 100
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
_MEMORY_GIB: Mapping[int, tuple[float, ...]] = {
    256: (0.5, 1, 2),
    512: (1, 2, 3, 4),
    1024: tuple(range(2, 9)),
    2048: tuple(range(4, 17)),
    4096: tuple(range(8, 31)),
    8192: tuple(range(16, 61, 4)),
    16384: tuple(range(32, 121, 8)),
}


@checks_options
@dataclass(frozen=True)
class WorkQueue:
    """A queue of jobs, and its share of the workers; checked when it is made.

    Queues with jobs get the share of their weight, so that none starves::

        QueueWorkers(self, "Images", task=task, queues=[WorkQueue("Urgent", weight=4), WorkQueue("Bulk")])

    Raises:
        InvalidOptionError: for values that SQS would refuse.
    """

    name: str
    """Names the queue in construct ids: letters and digits, beginning with a capital, at most 40."""

    _: KW_ONLY

    weight: int = 1
    """Its share of the workers while several queues have jobs, 1 to 100."""

    queue: "sqs.IQueue | None" = None
    """An existing queue; its own redrive policy says where poison jobs go. Default: a new one, with a dead-letter queue
    that keeps them 14 days."""

    visibility_timeout: Duration = field(default_factory=lambda: minutes(1))
    """How long a job stays invisible when its worker dies, 10 seconds to 12 hours; while it runs it is renewed.

    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
    """

    max_receive_count: int = 5
    """Deliveries of a job before it moves to the dead-letter queue, 1 to 1,000; of a new queue."""

    max_age: Duration = field(default_factory=lambda: minutes(60))
    """Age of the oldest job that raises the alarm, 1 minute to 14 days."""

    def __post_init__(self) -> None:
        """Check every option."""
        if not _NAME.fullmatch(self.name):
            fix = "Use letters and digits, beginning with a capital, at most 40, such as Urgent"
            raise InvalidOptionError("WorkQueue", "name", f"is {self.name!r}", fix)
        path = f"WorkQueue {self.name}"
        check_range(path, "weight", self.weight, low=1, high=_HEAVIEST, unit="shares", source="one turn of the others")
        check_range(
            path, "max_receive_count", self.max_receive_count, low=1, high=1000, unit="deliveries", source=_SQS_LIMITS
        )
        for option, value, low, high in (
            ("visibility_timeout", self.visibility_timeout, seconds(10), minutes(12 * 60)),
            ("max_age", self.max_age, minutes(1), minutes(14 * 24 * 60)),
        ):
            check_duration(path, option, value, low=low, high=high, source=_SQS_LIMITS)


@checks_options
@dataclass(frozen=True)
class WorkerTask:
    """A container that works off queues, as a Fargate task; checked when it is made.

    Its program is a ``Worker`` of the module ``queue_worker``, see ``image_from_folder``::

        WorkerTask(image_from_folder(stack, "Image", folder="resizer", modules=["queue_worker"]), cpu=512)

    Raises:
        InvalidOptionError: for sizes that Fargate does not have.
    """

    image: ecs.ContainerImage
    """The image."""

    _: KW_ONLY

    cpu: int = 256
    """CPU units: 256, 512, 1024, 2048, 4096, 8192 or 16384; 1024 are one virtual CPU."""

    memory_mib: int = 512
    """Memory in MiB; each CPU size has its own: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html."""

    arm: bool = False
    """Whether the image is for ARM64, which costs a fifth less, instead of X86_64."""

    concurrency: int = 1
    """Jobs of a task at a time, 1 to 100."""

    stop_timeout: Duration = field(default_factory=lambda: seconds(120))
    """How long running jobs may go on after SIGTERM before they are returned, 10 to 120 seconds."""

    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the container. No secrets: the template shows them."""

    def __post_init__(self) -> None:
        """Check every option."""
        if self.cpu not in _MEMORY_GIB:
            fix = f"Use {', '.join(map(str, _MEMORY_GIB))} ({_FARGATE})"
            raise InvalidOptionError("WorkerTask", "cpu", f"is {self.cpu}", fix)
        sizes = [int(size * 1024) for size in _MEMORY_GIB[self.cpu]]
        if self.memory_mib not in sizes:
            fix = f"Use {', '.join(map(str, sizes))} for {self.cpu} CPU units ({_FARGATE})"
            raise InvalidOptionError("WorkerTask", "memory_mib", f"is {self.memory_mib}", fix)
        check_range("WorkerTask", "concurrency", self.concurrency, low=1, high=_MOST_JOBS, unit="jobs", source=_FARGATE)
        check_duration(
            "WorkerTask", "stop_timeout", self.stop_timeout, low=seconds(10), high=seconds(120), source=_FARGATE
        )
        if reserved := [name for name in self.environment if name.startswith("WORK_")]:
            fix = "Use another name: variables that begin with WORK_ tell the worker its queues"
            raise InvalidOptionError("WorkerTask", "environment", f"contains {reserved[0]!r}", fix)
