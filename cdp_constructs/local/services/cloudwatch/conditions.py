"""CloudWatch: what an alarm makes of the values of its periods.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["EXTRA_PERIODS", "Condition"]

EXTRA_PERIODS = 2
"""How many periods more than it evaluates an alarm reads, so that the last values count where later ones are missing.
AWS does not publish the number; the examples of its documentation have two."""

_COMPARISONS: Mapping[str, tuple[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": ("greater than or equal to", lambda value, threshold: value >= threshold),
    "GreaterThanThreshold": ("greater than", lambda value, threshold: value > threshold),
    "LessThanThreshold": ("less than", lambda value, threshold: value < threshold),
    "LessThanOrEqualToThreshold": ("less than or equal to", lambda value, threshold: value <= threshold),
}


@dataclass(frozen=True)
class Condition:
    """When an alarm is raised."""

    comparison: str
    threshold: float
    periods: int
    """How many of the last values are evaluated."""
    breaching: int
    """How many of them breach when the alarm is raised."""
    missing: str
    """How a period without data counts: as in `TreatMissingData`."""

    @classmethod
    def of(cls, alarm: Mapping[str, Any]) -> "Condition":
        """Return that of an alarm.

        Raises:
            NotImplementedError: it compares with a band of expected values.
        """
        comparison = alarm["ComparisonOperator"]
        if comparison not in _COMPARISONS:
            raise NotImplementedError(f"the embedded cloud does not evaluate {comparison}")
        periods = int(alarm.get("EvaluationPeriods") or 1)
        breaching = int(alarm.get("DatapointsToAlarm") or periods)
        missing = alarm.get("TreatMissingData") or "missing"
        return cls(comparison, float(alarm["Threshold"]), periods, breaching, missing)

    def breaches(self, value: float) -> bool:
        """Whether a value counts for the alarm."""
        return _COMPARISONS[self.comparison][1](value, self.threshold)

    def evaluated(self, values: Sequence[float | None]) -> list[float]:
        """Return the values that count, the oldest first: the last ones of those that there are."""
        return [value for value in values if value is not None][-self.periods :]

    def state(self, values: Sequence[float | None]) -> str | None:
        """Return the state that follows, None when the alarm keeps its own.

        Args:
            values: Those of the evaluated periods and `EXTRA_PERIODS` before them, the oldest first.
        """
        known = self.evaluated(values)
        filled = self.periods - len(known)
        breaching = sum(self.breaches(value) for value in known)
        if self.missing == "breaching":
            breaching += filled
        elif self.missing != "notBreaching":
            if not known:
                return None if self.missing == "ignore" else "INSUFFICIENT_DATA"
            if breaching == len(known) < self.breaching:
                return None if self.missing == "ignore" else "ALARM"
        return "ALARM" if breaching >= self.breaching else "OK"

    def reason(self, values: Sequence[float | None], state: str) -> str:
        """Return why the values have led to a state, in the words of CloudWatch."""
        known = self.evaluated(values)
        if not known:
            reason = f"Threshold Crossed: no datapoints were received for {self.periods} periods"
            treated = "Breaching" if self.missing == "breaching" else "NonBreaching"
            of_missing = f" and {self.periods} missing datapoints were treated as [{treated}]"
            return f"{reason}{'' if state == 'INSUFFICIENT_DATA' else of_missing}."
        breaching = [value for value in known if self.breaches(value)]
        shown = breaching if state == "ALARM" and breaching else [value for value in known if not self.breaches(value)]
        negation = "" if shown == breaching else "not "
        return (
            f"Threshold Crossed: {len(shown)} out of the last {self.periods} datapoints "
            f"[{', '.join(map(str, reversed(shown)))}] was {negation}{_COMPARISONS[self.comparison][0]} the threshold "
            f"({self.threshold})."
        )
