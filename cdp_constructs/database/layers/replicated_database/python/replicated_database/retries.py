"""What helps after an error of the database, by its SQLSTATE; and how long to wait before the next attempt."""

from collections.abc import Iterator
from enum import Enum
from random import random

__all__ = ["Remedy", "pauses", "remedy"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_CONNECTION_CLASS = "08"
_ENDED = frozenset(
    {
        "57P01",  # admin_shutdown
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now: it starts up
        "25006",  # read_only_sql_transaction: the writer has become a reader
        "53300",  # too_many_connections
        "28P01",  # invalid_password: it was rotated
    }
)
_CONFLICTS = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected


class Remedy(Enum):
    """What helps after an error."""

    NONE = "none"
    """The statement itself is wrong."""
    AGAIN = "again"
    """Run the work again, on the same connection."""
    RECONNECT = "reconnect"
    """Connect anew, then run the work again."""


def remedy(sqlstate: str | None, *, disconnected: bool) -> Remedy:
    """Return what helps after an error.

    Args:
        sqlstate: The code that the server sent; None where the error is of the driver.
        disconnected: Whether the connection is lost, or was never made.
    """
    if disconnected or (sqlstate is not None and (sqlstate in _ENDED or sqlstate.startswith(_CONNECTION_CLASS))):
        return Remedy.RECONNECT
    return Remedy.AGAIN if sqlstate in _CONFLICTS else Remedy.NONE


def pauses(patience: float) -> Iterator[float]:
    """Yield how long to wait before each further try, growing and with jitter, until their sum is ``patience`` seconds.

    The first is 0: after a failover most often the first new connection succeeds.
    """
    yield 0.0
    pause, waited = _FIRST_PAUSE, 0.0
    while waited < patience:
        # Between half of it and all of it: clients that were disconnected together come back one by one.
        next_one = min(pause * (0.5 + random() / 2), patience - waited)  # noqa: S311 - no secret
        yield next_one
        waited += next_one
        pause = min(pause * 2, _LONGEST_PAUSE)
