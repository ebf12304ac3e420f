"""Waiting for what happens in its own time: queues, streams, replication."""

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")

_PAUSE = 0.05


def eventually(look: Callable[[], Seen | None], *, within: float = 20, what: str = "") -> Seen:
    """Look again until there is something true to see, and return it.

    Args:
        look: Returns something false while there is nothing to see.
        within: Seconds to wait at most.
        what: What is awaited, for the failure.

    Raises:
        AssertionError: when it did not come in time; with what was seen last.
    """
    deadline = time.monotonic() + within
    while not (seen := look()):
        if time.monotonic() > deadline:
            message = f"not within {within:g} s: {what or 'something true'}; last seen: {seen!r}"
            raise AssertionError(message)
        time.sleep(_PAUSE)
    return seen
