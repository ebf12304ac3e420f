"""Locks that other commands of the same user respect."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["exclusive"]


@contextmanager
def exclusive(file: Path) -> Iterator[None]:
    """Hold the lock of a file; wait for whoever holds it.

    Args:
        file: It is created when it does not exist, with its folder; its content does not matter.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
