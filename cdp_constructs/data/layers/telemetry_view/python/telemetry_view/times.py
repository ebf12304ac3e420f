"""Times as the layers write them, and how far apart their clocks and ways may be."""

from datetime import UTC, datetime, timedelta

__all__ = ["MINUTE", "SKEW", "full_window", "milliseconds", "moment"]

MINUTE = timedelta(minutes=1)
SKEW = timedelta(minutes=1)
"""How much later than its arrival a record may claim to be made, and how far apart it may reach the two layers."""


def moment(epoch_milliseconds: int) -> datetime:
    """Return a time of the layers."""
    return datetime.fromtimestamp(epoch_milliseconds / 1000, UTC)


def milliseconds(time_: datetime) -> int:
    """Return a time as the layers write it."""
    return round(time_.timestamp() * 1000)


def full_window(time_: datetime, length: timedelta) -> datetime:
    """Return when the first window begins that does not begin before it; windows of this length begin at each hour."""
    hour = time_.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour - (hour - time_) // length * length
