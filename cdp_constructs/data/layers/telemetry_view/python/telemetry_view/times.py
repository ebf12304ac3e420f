"""Times as the layers write them, and how far apart their clocks and ways may be."""

from datetime import UTC, datetime, timedelta

__all__ = ["MINUTE", "SKEW", "full_minute", "milliseconds", "moment"]

MINUTE = timedelta(minutes=1)
SKEW = timedelta(minutes=1)
"""How much later than its arrival a record may claim to be made, and how far apart it may reach the two layers."""


def moment(epoch_milliseconds: int) -> datetime:
    """Return a time of the layers."""
    return datetime.fromtimestamp(epoch_milliseconds / 1000, UTC)


def milliseconds(time_: datetime) -> int:
    """Return a time as the layers write it."""
    return round(time_.timestamp() * 1000)


def full_minute(time_: datetime) -> datetime:
    """Return the first full minute that is not before it."""
    floor = time_.astimezone(UTC).replace(second=0, microsecond=0)
    return floor if floor == time_.astimezone(UTC) else floor + MINUTE
