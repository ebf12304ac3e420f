"""From what is used in a month to what it costs."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cdp_constructs.estimates.figures import REGION, NotKnownError, price

__all__ = ["DAYS_A_MONTH", "HOURS_A_MONTH", "MILLION", "MINUTES_A_MONTH", "Cost", "Use", "monthly_cost"]

MILLION = 1_000_000
DAYS_A_MONTH = 30
HOURS_A_MONTH = DAYS_A_MONTH * 24
MINUTES_A_MONTH = HOURS_A_MONTH * 60


@dataclass(frozen=True)
class Use:
    """What a part of a system uses of one price in a month."""

    part: str
    """What it is for; the uses of a part are added."""
    price: str
    """Name of the price, such as `lambda.requests`."""
    amount: float
    """How much of its unit."""


@dataclass(frozen=True)
class Cost:
    """Dollars a month, by part."""

    parts: dict[str, float] = field(default_factory=dict)
    not_known: tuple[str, ...] = ()
    """Names of prices that were not read for the Region; they are left out of the sums."""

    @property
    def total(self) -> float:
        """All parts together."""
        return sum(self.parts.values())


def monthly_cost(uses: Iterable[Use], *, region: str = REGION) -> Cost:
    """Return what is used, in dollars.

    Args:
        uses: What a system uses in a month.
        region: Where.

    Returns:
        The parts in the order of their first use. A price that nobody has read for the Region costs nothing here and
        is named in `not_known`.
    """
    parts: dict[str, float] = {}
    amounts: dict[tuple[str, str], float] = {}
    for use in uses:
        parts.setdefault(use.part, 0.0)
        key = (use.part, use.price)
        amounts[key] = amounts.get(key, 0.0) + use.amount
    not_known = []
    for (part, name), amount in amounts.items():
        try:
            parts[part] += price(name, region=region).of(amount)
        except NotKnownError:
            price(name)  # a name that is known nowhere is a mistake
            not_known.append(name)
    return Cost(parts, tuple(dict.fromkeys(not_known)))
