"""The provisioned capacity of the speed layer's table, and the range that it scales in."""

from dataclasses import dataclass

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from cdp_constructs.core.validation import InvalidOptionError, check_range

__all__ = ["TableCapacity"]

_DYNAMODB_QUOTAS = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"
# Of a table by default in us-east-1; elsewhere and by request others hold, which CloudFormation answers with.
_MOST = 1_000_000
_TARGET_PERCENT = 70


@dataclass(frozen=True, kw_only=True)
class TableCapacity:
    """Provisioned capacity of a table, which auto scaling keeps 70 % used.

    It costs less than half of what on-demand capacity costs for load that is even, such as a fleet's that measures by
    the clock. Auto scaling follows within minutes, so that a sudden rise is throttled until then: give as minimum what
    an ordinary hour needs.
    """

    min_writes: int
    """The least write capacity: writes of up to 1 KB a second."""
    max_writes: int
    """The most write capacity. A table has 40,000 by default."""
    min_reads: int
    """The least read capacity: strongly consistent reads of up to 4 KB a second."""
    max_reads: int
    """The most read capacity."""

    def check(self, construct: "Construct | str") -> None:
        """Refuse what no table can have.

        Raises:
            InvalidOptionError: for a capacity out of range, or a maximum below its minimum.
        """
        for name in ("min_writes", "max_writes", "min_reads", "max_reads"):
            option = f"table_capacity.{name}"
            check_range(
                construct, option, getattr(self, name), low=1, high=_MOST, unit="units", source=_DYNAMODB_QUOTAS
            )
        for kind in ("writes", "reads"):
            least, most = getattr(self, f"min_{kind}"), getattr(self, f"max_{kind}")
            if most < least:
                fix = f"Use {least:,} or more"
                raise InvalidOptionError(construct, f"table_capacity.max_{kind}", f"is {most:,}", fix)

    def billing(self) -> dynamodb.Billing:
        """Return the capacity as a table takes it."""
        return dynamodb.Billing.provisioned(
            write_capacity=_scaled(self.min_writes, self.max_writes),
            read_capacity=_scaled(self.min_reads, self.max_reads),
        )


def _scaled(least: int, most: int) -> dynamodb.Capacity:
    return dynamodb.Capacity.autoscaled(
        min_capacity=least,
        max_capacity=most,
        # What it begins with when a table that is there changes from on demand.
        seed_capacity=least,
        target_utilization_percent=_TARGET_PERCENT,
    )
