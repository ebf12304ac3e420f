"""AsyncRetries: how often, and how long, Lambda tries an asynchronous invocation again."""

from dataclasses import KW_ONLY, dataclass, field

from aws_cdk import Duration

from cdp_constructs.core.functions import RETRIES
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.periods import minute, minutes
from cdp_constructs.core.validation import check_duration, check_range

__all__ = ["AsyncRetries"]

_SOURCE = "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"
_LONGEST_MINUTES = 6 * 60


@checks_options
@dataclass(frozen=True)
class AsyncRetries:
    """How often, and how long, Lambda tries an asynchronous invocation again; checked when it is made.

    A function that fails is called again after a minute, and after two more. What finds no concurrency left, and an
    error of Lambda itself, count as no attempt: the event waits, for at most ``max_event_age``::

        IdempotentFunction(self, "Payments", function=payments, retries=AsyncRetries(max_event_age=Duration.hours(1)))

    Raises:
        InvalidOptionError: for values that Lambda would refuse.
    """

    _: KW_ONLY

    attempts: int = RETRIES
    """Retries of a function that fails, 0 to 2.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """

    max_event_age: Duration = field(default_factory=lambda: minutes(_LONGEST_MINUTES))
    """How long an event may wait, 1 minute to 6 hours, in whole seconds; then it goes to the dead-letter queue.

    Default: 6 hours.
    """

    def __post_init__(self) -> None:
        """Check both."""
        check_range(
            "AsyncRetries", "attempts", self.attempts, low=0, high=RETRIES, unit="retries", source=_SOURCE, tokens=True
        )
        check_duration(
            "AsyncRetries",
            "max_event_age",
            self.max_event_age,
            low=minute(),
            high=minutes(_LONGEST_MINUTES),
            source=_SOURCE,
            tokens=True,
        )
