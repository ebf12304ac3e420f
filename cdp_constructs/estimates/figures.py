"""List prices and default quotas of AWS, each with its unit, its Region, and where and when it was read.

``aws.toml`` has them. `price("lambda.requests")` and `quota("sns.messages_a_second", region="us-west-2")` return one.
"""

import functools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

__all__ = ["REGION", "Figure", "NotKnownError", "figures", "price", "quota"]

REGION = "us-east-1"
"""The Region whose figures are known; for others only what was read."""

_FILE = Path(__file__).with_name("aws.toml")
_Kind = Literal["prices", "quotas"]


class NotKnownError(LookupError):
    """A figure that nobody has read: for this Region, or at all."""


@dataclass(frozen=True)
class Figure:
    """A price or a quota as it was read."""

    name: str
    """Service and figure, such as `lambda.requests`."""
    value: float
    """Dollars or the quota; of a price with steps the last one."""
    unit: str
    region: str
    source: str
    """The page that it was read on."""
    read: date
    each: float = 1
    """How many units the price is for."""
    steps: Sequence[tuple[float, float]] = ()
    """How many units of a month cost how much, the cheaper ones last; 0 units are all the others."""
    adjustable: bool = True
    """Whether AWS raises the quota when asked."""

    def of(self, amount: float) -> float:
        """Return the dollars for an amount in a month."""
        if not self.steps:
            return amount / self.each * self.value
        cost = 0.0
        for size, value in self.steps:
            part = min(amount, size) if size else amount
            cost += part / self.each * value
            amount -= part
        return cost


@functools.cache
def _read() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(_FILE.read_text())


@functools.cache
def figures(kind: _Kind) -> Mapping[str, Figure]:
    """Return all prices or all quotas of us-east-1, by name."""
    found = {}
    for service, table in _read().items():
        for name, entry in table.get(kind, {}).items():
            whole = f"{service}.{name}"
            steps = tuple((float(size), float(value)) for size, value in entry.get("steps", ()))
            found[whole] = Figure(
                name=whole,
                value=float(entry.get("value", steps[-1][1] if steps else 0)),
                unit=entry["unit"],
                region=REGION,
                source=entry.get("source", table["source"]),
                read=entry.get("read", table["read"]),
                each=float(entry.get("each", 1)),
                steps=steps,
                adjustable=entry.get("adjustable", True),
            )
    return found


def price(name: str, *, region: str = REGION) -> Figure:
    """Return a price.

    Args:
        name: Service and figure, such as `lambda.requests`.
        region: The Region.

    Raises:
        NotKnownError: nobody has read it.
    """
    return _figure("prices", name, region)


def quota(name: str, *, region: str = REGION) -> Figure:
    """Return a default quota.

    Args:
        name: Service and figure, such as `sns.messages_a_second`.
        region: The Region.

    Raises:
        NotKnownError: nobody has read it.
    """
    return _figure("quotas", name, region)


def _figure(kind: _Kind, name: str, region: str) -> Figure:
    known = figures(kind).get(name)
    if known is None:
        close = get_close_matches(name, figures(kind), n=1)
        message = f"{name!r} is none of the {kind} in {_FILE.name}" + (f"; {close[0]!r} is one" if close else "")
        raise NotKnownError(message)
    if region == REGION:
        return known
    service, _, rest = name.partition(".")
    elsewhere = _read()[service][kind][rest].get("elsewhere", {})
    if region not in elsewhere:
        message = f"{name!r} was not read for {region}; known for {', '.join([REGION, *elsewhere])}"
        raise NotKnownError(message)
    return replace(known, value=float(elsewhere[region]), region=region, steps=())
