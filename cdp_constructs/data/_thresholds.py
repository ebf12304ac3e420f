"""The thresholds of the speed layer: a limit of a measure, and where a value counts as recovered."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from constructs import Construct

from cdp_constructs.core.paths import path_of
from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["Threshold"]

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


class Thresholds:
    """The thresholds of one layer."""

    def __init__(self, layer: Construct, measures: Sequence[str]) -> None:
        """Watch the measures of a layer."""
        self._layer = layer
        self._measures = measures
        self._thresholds: dict[str, Threshold] = {}

    def add(
        self, name: str, *, measure: str, above: float | None, below: float | None, recovers_at: float | None
    ) -> Threshold:
        """Add and return a threshold; see ``SpeedLayer.add_threshold``."""
        if not name or name in self._thresholds:
            raise InvalidOptionError(self._layer, "name", f"is {name!r}", "Give each threshold a name of its own")
        path = f"{path_of(self._layer)}/{name}"
        if measure not in self._measures:
            fix = f"Use one of {', '.join(self._measures)}"
            raise InvalidOptionError(path, "measure", f"is {measure!r}", fix)
        if above is not None and below is None:
            limit = above
        elif below is not None and above is None:
            limit = below
        else:
            problem = "is missing, as below is" if above is None else "was given together with below"
            raise InvalidOptionError(path, "above", problem, "Give one of them")
        recovery = limit if recovers_at is None else recovers_at
        if (recovery > limit) if above is not None else (recovery < limit):
            side = "below" if above is not None else "above"
            raise InvalidOptionError(path, "recovers_at", f"is {recovery:g}", f"Use {limit:g} or a value {side} it")
        threshold = Threshold(name=name, measure=measure, limit=limit, above=above is not None, recovers_at=recovery)
        self._thresholds[name] = threshold
        return threshold

    def written(self) -> str:
        """Return the thresholds as the function's variable.

        Raises:
            InvalidOptionError: when they are more than a variable takes.
        """
        text = json.dumps([asdict(threshold) for threshold in self._thresholds.values()], separators=(",", ":"))
        if len(text) > _MOST_BYTES:
            fix = f"Use at most {_MOST_BYTES:,} bytes: shorter names, or a second layer ({_LAMBDA_QUOTAS})"
            problem = f"is {list(self._thresholds)[-1]!r}, with which the thresholds have {len(text):,} bytes"
            raise InvalidOptionError(self._layer, "name", problem, fix)
        return text
