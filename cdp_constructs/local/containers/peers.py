"""Which process of this machine has the other end of a connection, as proc(5) tells it.

The server says of its own connections that they are: proc(5) may lack a line while others come and go, and takes
milliseconds for each request that a load balancer passes on.
"""

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["group_of", "lineage", "own_socket", "process_of", "variable"]

_PROC = Path("/proc")
_READINGS = 3
_MAPPED = "0000000000000000FFFF0000"
"""What the address of a socket of IPv6 begins with there when it speaks IPv4."""
_NO_INODE = "0"
"""What a socket has that no process has any more."""
_LOOPBACK = "127.0.0.1"
_own: set[tuple[tuple[str, int], tuple[str, int]]] = set()
"""Both ends of the connections that this process has made with `own_socket`."""


@contextmanager
def own_socket(address: str, port: int) -> Iterator[socket.socket]:
    """Provide a socket to connect to an address of this machine with; inside the block it is known as this process's.

    Whoever takes the socket closes it.

    Args:
        address: Where it will connect to; for one beyond this machine the system chooses the own end.
        port: The port there.
    """
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        if address.startswith("127."):
            # Ports whose connection has just ended may be had again.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((_LOOPBACK, 0))
    except BaseException:
        made.close()
        raise
    ends = made.getsockname()[:2], (address, port)
    _own.add(ends)
    try:
        yield made
    finally:
        _own.discard(ends)


def process_of(address: str, port: int, other: tuple[str, int] | None = None) -> int | None:
    """Return the id of the process with the socket at an address; None when that cannot be seen.

    Args:
        address: The address of the socket.
        port: Its port.
        other: Address and port of the other end of its connection; by default it may be any.
    """
    end = address, port
    if (end, other) in _own if other else any(each[0] == end for each in list(_own)):
        return os.getpid()
    # A table that changes while it is read may lack a line, so it is read again.
    found = next(filter(None, (_socket_at((address, port), other) for _ in range(_READINGS))), None)
    if found is None:
        return None
    inode, user = found
    link = f"socket:[{inode}]"
    if _has(os.getpid(), link):
        return os.getpid()
    # Root may have changed its user since it connected, so its processes come last.
    for owner in dict.fromkeys((user, 0)):
        for process in (int(each.name) for each in _PROC.iterdir() if each.name.isdigit()):
            if _belongs_to(process, owner) and _has(process, link):
                return process
    return None


def _written(end: tuple[str, int]) -> str:
    """Return an end of a connection as the system's tables have it, in their order of bytes."""
    [number] = struct.unpack("=I", socket.inet_aton(end[0]))
    return f"{number:08X}:{end[1]:04X}"


def _socket_at(end: tuple[str, int], other: tuple[str, int] | None) -> tuple[str, int] | None:
    """Return the inode and the user of a connected socket."""
    for name, prefix in (("tcp", ""), ("tcp6", _MAPPED)):
        at, to = prefix + _written(end), prefix + _written(other) if other else None
        with contextlib.suppress(OSError), (_PROC / "net" / name).open() as table:
            for line in table:
                if f" {at} " not in line:
                    continue
                fields = line.split()
                if fields[1] == at and to in {None, fields[2]} and fields[9] != _NO_INODE:
                    return fields[9], int(fields[7])
    return None


def _belongs_to(process: int, user: int) -> bool:
    with contextlib.suppress(OSError):
        return (_PROC / str(process)).stat().st_uid == user
    return False


def _has(process: int, link: str) -> bool:
    try:
        descriptors = list((_PROC / str(process) / "fd").iterdir())
    except OSError:  # of another user, or it has ended
        return False
    for each in descriptors:
        with contextlib.suppress(OSError):
            if str(each.readlink()) == link:
                return True
    return False


def variable(process: int, name: str) -> str:
    """Return a variable of the environment that a process was started with; nothing when that cannot be seen."""
    with contextlib.suppress(OSError):
        for each in (_PROC / str(process) / "environ").read_bytes().split(b"\0"):
            key, _, value = each.partition(b"=")
            if key == name.encode():
                return value.decode(errors="replace")
    return ""


def lineage(process: int) -> Iterator[int]:
    """Yield the process and those that it comes from, the nearest first."""
    while process:
        yield process
        try:
            process = int((_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return


def group_of(process: int) -> int:
    """Return the process group of a process; 0 when it has ended."""
    try:
        return os.getpgid(process)
    except OSError:
        return 0
