"""TableCapacity: the provisioned capacity of a table, and the range that it scales in."""

from dataclasses import dataclass

from aws_cdk import aws_dynamodb as dynamodb

from cdp_constructs.core.options import checks_options
from cdp_constructs.core.tables import check_capacity

__all__ = ["TableCapacity", "billing_of"]

_TARGET_PERCENT = 70


@checks_options
@dataclass(frozen=True, kw_only=True)
class TableCapacity:
    """Provisioned capacity of a table, which auto scaling keeps 70 % used; checked when it is made.

    It costs less than half of on-demand capacity for load that is even, such as that of a fleet that measures by the
    clock. Auto scaling follows within minutes: give as least what an ordinary hour needs::

        TableCapacity(min_writes=1_000, max_writes=4_000, min_reads=200, max_reads=800)

    Raises:
        InvalidOptionError: for a number out of range, or a most below its least.
    """

    min_writes: int
    """Writes of up to 1 KB a second at least, 1 to 1,000,000."""
    max_writes: int
    """Writes at most; a table has 40,000 by default."""
    min_reads: int
    """Strongly consistent reads of up to 4 KB a second at least, 1 to 1,000,000."""
    max_reads: int
    """Reads at most."""

    def __post_init__(self) -> None:
        """Check that the numbers fit together."""
        check_capacity("TableCapacity", vars(self))


def billing_of(capacity: TableCapacity) -> dynamodb.Billing:
    """Return a capacity as a table takes it."""
    return dynamodb.Billing.provisioned(
        write_capacity=_scaled(capacity.min_writes, capacity.max_writes),
        read_capacity=_scaled(capacity.min_reads, capacity.max_reads),
    )


def _scaled(least: int, most: int) -> dynamodb.Capacity:
    return dynamodb.Capacity.autoscaled(
        min_capacity=least,
        max_capacity=most,
        # What it begins with when a table that is there changes from on demand.
        seed_capacity=least,
        target_utilization_percent=_TARGET_PERCENT,
    )
