"""How much memory this program and everything that it has started use at most."""

import os
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Self

__all__ = ["PeakMemory", "family"]

_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class PeakMemory:
    """Looks every two seconds; a context manager.

    A page that several processes share is counted once where the system tells (PSS), and as often as it is used
    otherwise.
    """

    def __init__(self) -> None:
        """Look at nothing yet."""
        self.bytes = 0
        self.processes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(2):
            found = family()
            used = sum(map(_memory, found))
            if used > self.bytes:
                self.bytes, self.processes = used, len(found)


def family(without: Collection[int] = ()) -> set[int]:
    """Return this process and those that it has started, and so on, but for some and what those have started."""
    parents: dict[int, int] = {}
    for file in _PROC.glob("[0-9]*/stat"):
        try:
            # The name of a program is in parentheses, and may have spaces.
            parents[int(file.parent.name)] = int(file.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in found} - found - set(without):
        found |= more
    return found


def _memory(process: int) -> int:
    folder = _PROC / str(process)
    try:
        lines = (folder / "smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    except OSError:
        pass
    try:
        return int((folder / "statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0
