"""How much memory the processes of a container use, as Linux tells it.

A control group would count it, and wants rights that a user does not have. RLIMIT_AS limits the address space, of which
Node.js and others reserve gigabytes that they never touch; so what is resident is measured instead.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["used"]

_PROC = Path("/proc")
_ANONYMOUS = ("Pss_Anon:", "Pss_Shmem:")


def used(process: int, limit: int) -> int:
    """Return the bytes that a process and its descendants use, without the files that they have mapped.

    Args:
        process: Id of the first process.
        limit: Only beyond it are pages that processes share counted once, because that takes longer.
    """
    processes = list(_tree(process))
    roughly = sum(_private(each) for each in processes)
    return roughly if roughly <= limit else sum(_proportional(each) for each in processes)


def _tree(process: int) -> Iterator[int]:
    yield process
    for thread in _listed(_PROC / str(process) / "task"):
        with contextlib.suppress(OSError):
            for child in (thread / "children").read_text().split():
                yield from _tree(int(child))


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # it has ended
        return []


def _private(process: int) -> int:
    """Return what is resident and of no file; pages that forked processes share are in each of them."""
    with contextlib.suppress(OSError):
        _size, resident, shared, *_others = (_PROC / str(process) / "statm").read_text().split()
        return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _proportional(process: int) -> int:
    with contextlib.suppress(OSError):
        lines = (_PROC / str(process) / "smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(_ANONYMOUS))
    return 0
