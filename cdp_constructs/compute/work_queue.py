"""WorkQueue: a queue that QueueWorkers works off, and its share of the workers."""

import re
from dataclasses import KW_ONLY, dataclass, field

from aws_cdk import Duration

from cdp_constructs.core.cdk import sqs
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.periods import minutes, seconds
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_range

__all__ = ["WorkQueue"]

_SQS_LIMITS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"
_NAME = re.compile(r"[A-Z][A-Za-z0-9]{0,39}")
_HEAVIEST = 100


@checks_options
@dataclass(frozen=True)
class WorkQueue:
    """A queue of jobs, and its share of the workers; checked when it is made.

    Queues with jobs get the share of their weight, so that none starves::

        QueueWorkers(self, "Images", container=container, queues=[WorkQueue("Urgent", weight=4), WorkQueue("Bulk")])

    Raises:
        InvalidOptionError: for values that SQS would refuse.
    """

    name: str
    """Names the queue in construct ids: letters and digits, beginning with a capital, at most 40."""

    _: KW_ONLY

    weight: int = 1
    """Its share of the workers while several queues have jobs, 1 to 100."""

    queue: "sqs.IQueue | None" = None
    """An existing queue; its own redrive policy, which it needs, says where poison jobs go. Default: a new one, with a
    dead-letter queue that keeps them 14 days."""

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
        count, unit = self.max_receive_count, "deliveries"
        check_range(path, "max_receive_count", count, low=1, high=1000, unit=unit, source=_SQS_LIMITS, tokens=True)
        for option, value, low, high in (
            ("visibility_timeout", self.visibility_timeout, seconds(10), minutes(12 * 60)),
            ("max_age", self.max_age, minutes(1), minutes(14 * 24 * 60)),
        ):
            check_duration(path, option, value, low=low, high=high, source=_SQS_LIMITS)
