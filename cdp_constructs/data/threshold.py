"""A limit of a measure, and where it counts as recovered."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["Threshold", "check_threshold", "written"]

_LAMBDA_QUOTAS = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
# Lambda allows 4 KB for all variables; the others take less than 1 KB.
_MOST_BYTES = 3_000


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A threshold of ``SpeedLayer``, as ``add_threshold`` returns it."""

    name: str
    """Such as ``TooHot``."""
    measure: str
    """The field that is watched."""
    limit: float
    """Where it is crossed."""
    above: bool
    """Whether it is crossed by values above the limit, or by values below it."""
    recovers_at: float
    """Where a value counts as recovered."""


def check_threshold(
    path: str,
    name: str,
    *,
    measure: str,
    measures: Sequence[str],
    above: float | None,
    below: float | None,
    recovers_at: float | None,
) -> Threshold:
    """Return a threshold, or refuse what cannot be one.

    Args:
        path: Of the layer, for messages.
        name: Of the threshold.
        measure: What it watches.
        measures: What the layer has.
        above: See ``SpeedLayer.add_threshold``.
        below: See there.
        recovers_at: See there.

    Raises:
        InvalidOptionError: for an empty name, an unknown measure, none or both limits, or a recovery beyond the limit.
    """
    if not name:
        raise InvalidOptionError(path, "name", f"is {name!r}", "Give each threshold a name of its own")
    path = f"{path}/{name}"
    if measure not in measures:
        raise InvalidOptionError(path, "measure", f"is {measure!r}", f"Use one of {', '.join(measures)}")
    if above is not None and below is None:
        limit = above
    elif below is not None and above is None:
        limit = below
    else:
        raise InvalidOptionError(path, "above", "and below are given both or neither", "Give one of them")
    recovery = limit if recovers_at is None else recovers_at
    if (recovery > limit) if above is not None else (recovery < limit):
        side = "below" if above is not None else "above"
        raise InvalidOptionError(path, "recovers_at", f"is {recovery:g}", f"Use {limit:g} or a value {side} it")
    return Threshold(name=name, measure=measure, limit=limit, above=above is not None, recovers_at=recovery)


def written(path: str, thresholds: Iterable[Threshold]) -> str:
    """Return thresholds as the function's variable.

    Raises:
        InvalidOptionError: when they are more than a variable takes.
    """
    text = json.dumps([asdict(threshold) for threshold in thresholds], separators=(",", ":"))
    if len(text) > _MOST_BYTES:
        fix = f"Use at most {_MOST_BYTES:,} bytes: shorter names, or a second layer ({_LAMBDA_QUOTAS})"
        raise InvalidOptionError(path, "name", f"makes {len(text)} bytes of thresholds", fix)
    return text
