"""Locks that other commands of the same user respect."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from cdp_constructs.local.process import private_files

__all__ = ["exclusive"]


@contextmanager
def exclusive(file: Path) -> Iterator[None]:
    """Hold the lock of a file; wait for whoever holds it.

    Args:
        file: It is there as long as the lock is held, and its content does not matter.
    """
    opened = _locked(file)
    try:
        yield
    finally:
        private_files.remove(file)  # before the lock is released: whoever waits for it makes the file again
        opened.close()


def _locked(file: Path) -> FileIO:
    while True:
        try:
            private_files.make_folder(file.parent)
            opened = FileIO(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+")
        except FileNotFoundError:  # the folder was removed by who had the lock before
            continue
        fcntl.flock(opened, fcntl.LOCK_EX)
        if _is(file, opened):
            return opened
        opened.close()


def _is(file: Path, opened: FileIO) -> bool:
    """Whether it still is the file that was locked: who had the lock before has removed it."""
    try:
        return os.path.samestat(file.stat(), os.fstat(opened.fileno()))
    except FileNotFoundError:
        return False
