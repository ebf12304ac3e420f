"""Load balancers: whether a connection comes from the embedded cloud itself, from one of its functions or its tasks.

All of them are on one machine and one network, so the system is asked which process has the other end: it belongs to
the cloud when it is in the process group of the server or of a container, or descends from one that is. Linux only.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from cdp_constructs.local.containers import groups

__all__ = ["is_inside"]

_PROC = Path("/proc")
_TABLES = ("tcp", "tcp6")
_INODE = 9


def _hex(address: tuple[str, int]) -> str:
    """Return an address as the system's tables end with it, in their order of bytes."""
    host, port = address
    return f"{bytes(int(part) for part in reversed(host.split('.'))).hex().upper()}:{port:04X}"


def _socket(own: tuple[str, int], peer: tuple[str, int]) -> str | None:
    """Return the inode of the other end of a connection."""
    for table in _TABLES:
        with contextlib.suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[1].endswith(_hex(peer)) and fields[2].endswith(_hex(own)):
                    return fields[_INODE]
    return None


def _processes() -> Iterator[tuple[int, int, int]]:
    """Yield each process with its parent and its group."""
    for entry in os.scandir(_PROC):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                # The name, in parentheses, may have anything in it.
                _state, parent, group = Path(entry.path, "stat").read_text().rpartition(")")[2].split()[:3]
                yield int(entry.name), int(parent), int(group)


def _of_cloud() -> set[int]:
    """Return the processes of the cloud."""
    recorded = Path(os.environ["STATE_DIR"]).parent / groups.FOLDER
    own_groups = {os.getpgrp()}
    with contextlib.suppress(FileNotFoundError):
        own_groups |= {int(file.name) for file in recorded.iterdir()}
    processes = list(_processes())
    found = {process for process, _, group in processes if group in own_groups}
    grown = True
    while grown:
        children = {process for process, parent, _ in processes if parent in found} - found
        found |= children
        grown = bool(children)
    return found


def _has(process: int, inode: str) -> bool:
    with contextlib.suppress(OSError):
        return any(str(file.readlink()) == f"socket:[{inode}]" for file in (_PROC / str(process) / "fd").iterdir())
    return False


def is_inside(own: tuple[str, int], peer: tuple[str, int]) -> bool:
    """Whether the other end of a connection belongs to the cloud.

    Args:
        own: This end's address and port.
        peer: The other end's.
    """
    inode = _socket(own, peer)
    if inode is None:
        return False
    # API Gateway is the server itself.
    return _has(os.getpid(), inode) or any(_has(process, inode) for process in _of_cloud())
