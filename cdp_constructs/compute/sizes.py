"""TaskSize and DatabaseCapacity: the sizes between which ScaleUp changes."""

from dataclasses import dataclass

from cdp_constructs.compute._fargate_sizes import check_size
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.validation import InvalidOptionError, check_range

__all__ = ["DatabaseCapacity", "TaskSize"]

_CAPACITY = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html"
_MOST_UNITS = 256


@checks_options
@dataclass(frozen=True)
class TaskSize:
    """CPU and memory of the tasks of a service; checked when it is made.

    Raises:
        InvalidOptionError: for a size that AWS Fargate does not have.
    """

    cpu: int
    """CPU units, 256 to 16,384; 1,024 are a virtual CPU."""

    memory_limit_mib: int
    """Memory in MiB, within what AWS Fargate has for ``cpu``."""

    def __post_init__(self) -> None:
        """Check the size."""
        check_size("TaskSize", self.cpu, self.memory_limit_mib)


@checks_options
@dataclass(frozen=True)
class DatabaseCapacity:
    """The capacity of Aurora Serverless v2, in capacity units (ACU) of about 2 GiB of memory; checked when it is made.

    Raises:
        InvalidOptionError: for capacities that Aurora does not have.
    """

    min_capacity: float
    """At least, 0 to 256 in steps of 0.5; 0 lets the database pause."""

    max_capacity: float
    """At most, 1 to 256 in steps of 0.5."""

    def __post_init__(self) -> None:
        """Check the capacities."""
        path = "DatabaseCapacity"
        for option, value, low in (
            ("min_capacity", self.min_capacity, 0),
            ("max_capacity", self.max_capacity, max(1, self.min_capacity)),
        ):
            check_range(path, option, value, low=low, high=_MOST_UNITS, unit="ACU", source=_CAPACITY)
            if value * 2 % 1:
                fix = f"Use a multiple of 0.5 ({_CAPACITY})"
                raise InvalidOptionError(path, option, f"is {value!r} ACU", fix)
