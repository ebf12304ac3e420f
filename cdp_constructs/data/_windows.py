"""Windows of the speed layer: how long they are, and how long they are kept."""

from aws_cdk import Duration
from constructs import Construct

from cdp_constructs.core.periods import days, minute, minutes
from cdp_constructs.core.validation import InvalidOptionError, check_duration

__all__ = ["check_windows", "describe", "window_variables"]

_ANSWER = "windows answer until the batch layer does; what is older is read there"
_HOUR = 60


def check_windows(
    scope: Construct, *, windows: bool, window_length: Duration | None, window_retention: Duration | None
) -> tuple[Duration, Duration]:
    """Return how long a window is, and how long windows are kept.

    Raises:
        InvalidOptionError: for a length or a retention out of range, or either of them without windows.
    """
    for option, value in {"window_length": window_length, "window_retention": window_retention}.items():
        if not windows and value is not None:
            fix = f"Leave out {option}, or let windows be kept"
            raise InvalidOptionError(scope, option, "was given together with windows=False", fix)
    length, retention = window_length or minute(), window_retention or days(2)
    check_duration(scope, "window_length", length, low=minute(), high=minutes(_HOUR), source=_ANSWER, unit=minute())
    if _HOUR % length.to_minutes():
        fix = "Use 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60 minutes, so that windows begin with each hour"
        raise InvalidOptionError(scope, "window_length", f"is {int(length.to_minutes())} minutes", fix)
    # A window must be over, and late records of it be there, before it expires.
    low = minutes(max(_HOUR, 2 * length.to_minutes()))
    check_duration(scope, "window_retention", retention, low=low, high=days(30), source=_ANSWER)
    return length, retention


def window_variables(name: str, length: Duration) -> dict[str, str]:
    """Return the variable that tells the length of windows; none for the usual minute."""
    return {} if length.to_seconds() == minute().to_seconds() else {name: str(int(length.to_seconds()))}


def describe(length: Duration) -> str:
    """Return what windows of this length are called."""
    number = int(length.to_minutes())
    return "one-minute windows" if number == 1 else f"windows of {number} minutes"
