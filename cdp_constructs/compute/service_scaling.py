"""ServiceScaling: how many tasks a service has, and by what their number changes."""

from dataclasses import dataclass

from cdp_constructs.core.options import checks_options
from cdp_constructs.core.validation import check_range

__all__ = ["ServiceScaling"]

_QUOTAS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html"
_MOST_TASKS = 5000
FEWEST_TASKS = 2


@checks_options
@dataclass(frozen=True)
class ServiceScaling:
    """The number of tasks, and what it follows; checked when it is made.

    It grows with the first of the two that asks for more tasks, and shrinks when neither does::

        ServiceScaling(min_capacity=2, max_capacity=20, requests_per_target=600)

    Raises:
        InvalidOptionError: for numbers that do not fit together.
    """

    min_capacity: int = FEWEST_TASKS
    """Tasks at least, 2 to 5,000: one in each of two zones."""

    max_capacity: int = 10
    """Tasks at most, up to 5,000; it bounds the cost."""

    requests_per_target: int | None = 1000
    """Requests a minute that one task should have. None: requests do not count."""

    target_utilization_percent: int | None = 60
    """CPU that tasks should use on average, 10 to 90 percent. None: CPU does not count."""

    def __post_init__(self) -> None:
        """Check that the numbers fit together."""
        path = "ServiceScaling"
        check_range(
            path, "min_capacity", self.min_capacity, low=FEWEST_TASKS, high=_MOST_TASKS, unit="tasks", source=_QUOTAS
        )
        check_range(
            path,
            "max_capacity",
            self.max_capacity,
            low=self.min_capacity,
            high=_MOST_TASKS,
            unit="tasks",
            source=_QUOTAS,
        )
        if self.requests_per_target is not None:
            source = "a task that should have none would never be enough"
            check_range(
                path,
                "requests_per_target",
                self.requests_per_target,
                low=1,
                high=10_000_000,
                unit="requests",
                source=source,
            )
        if self.target_utilization_percent is not None:
            source = "above it nothing is left while new tasks start"
            check_range(
                path,
                "target_utilization_percent",
                self.target_utilization_percent,
                low=10,
                high=90,
                unit="percent",
                source=source,
            )
