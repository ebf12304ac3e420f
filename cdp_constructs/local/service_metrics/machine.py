"""The processes of this machine, as proc(5) tells them, for the metrics that follow from them."""

import contextlib
import os
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Process", "processes", "title"]

_PROC = Path("/proc")
_FRESH = 1.0


@dataclass(frozen=True)
class Process:
    """A process.

    Attributes:
        id: Its id.
        parent: The id of its parent.
        group: Its process group.
        seconds: The seconds of CPU that it has used.
        resident: The bytes of memory that it has.
    """

    id: int
    parent: int
    group: int
    seconds: float
    resident: int


_read: list[tuple[float, Sequence[Process]]] = []


def processes(started: Collection[int] = ()) -> tuple[float, Sequence[Process]]:
    """Return when the processes were read, within the last second, and what they were like then.

    A clock that is moved by an hour reads the gauges sixty times at once.

    Args:
        started: Ids of processes that run; they are read again when one of them was not there yet.
    """
    if (
        not _read
        or time.monotonic() - _read[0][0] > _FRESH
        or not {each.id for each in _read[0][1]}.issuperset(started)
    ):
        _read[:] = [(time.monotonic(), list(_processes()))]
    return _read[0]


def _processes() -> Iterator[Process]:
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    for process in _PROC.glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        # Counted from the state, which is the third field of proc(5).
        seconds = (int(fields[11]) + int(fields[12])) / ticks
        yield Process(int(process.name), int(fields[1]), int(fields[2]), seconds, int(fields[21]) * page)


def title(process: int) -> str:
    """Return the title of a process, which is its command unless it has changed it; nothing when it has ended."""
    with contextlib.suppress(OSError):
        return (_PROC / str(process) / "cmdline").read_text(errors="replace").rstrip("\0")
    return ""
