"""Default quotas against what a system needs, and which one a growing system reaches first."""

from collections.abc import Iterable
from dataclasses import dataclass

from cdp_constructs.estimates.figures import REGION, quota

__all__ = ["Quota", "default_quota", "first_reached"]

_FREE = 0.8


@dataclass(frozen=True)
class Quota:
    """A default quota, and what a system asks of it."""

    name: str
    needed: float
    default: float
    headroom: float = 2
    """What to have, as a multiple of what is needed. Rates double when everybody comes back and catches up."""
    adjustable: bool = True
    """Whether AWS raises it when asked."""

    @property
    def fits(self) -> bool:
        """Whether nothing has to be raised: a fifth stays free."""
        return self.needed <= self.default * _FREE

    def reached_at(self, size: float) -> float:
        """Return the size of a system that fits, from what one of this size needs."""
        return _FREE * self.default / self.needed * size if self.needed else float("inf")

    @property
    def ask_for(self) -> float:
        """What to ask AWS for."""
        return self.default if self.fits else self.headroom * self.needed


def default_quota(name: str, figure: str, needed: float, *, headroom: float = 2, region: str = REGION) -> Quota:
    """Return a quota as AWS gives it.

    Args:
        name: As a person reads it.
        figure: Its name in `aws.toml`, such as `iot.connections`.
        needed: What the system asks of it.
        headroom: What to have, as a multiple of what is needed.
        region: Where.

    Raises:
        NotKnownError: nobody has read it.
    """
    known = quota(figure, region=region)
    return Quota(name, needed, known.value, headroom, known.adjustable)


def first_reached(quotas: Iterable[Quota], size: float) -> Quota:
    """Return the quota that a growing system reaches first."""
    return min(quotas, key=lambda one: one.reached_at(size))
