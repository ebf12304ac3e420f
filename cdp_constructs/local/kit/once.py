"""Makes a thing once, for all threads of the server."""

import threading
from collections.abc import Callable
from functools import cache, wraps
from typing import TypeVar

__all__ = ["once"]

_Made = TypeVar("_Made")
_making = threading.RLock()


def once(make: Callable[[], _Made]) -> Callable[[], _Made]:
    """Let one thread make it, and all have the same."""
    made = cache(make)

    @wraps(make)
    def locked() -> _Made:
        with _making:
            return made()

    return locked
