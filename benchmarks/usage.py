"""What a piece of work uses: CPU of the embedded cloud's server, of functions and of this process, and AWS calls."""

import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.clients.calls import Call

_TICKS = os.sysconf("SC_CLK_TCK")
_SERVER = "cdp_constructs.local.process.server"


@dataclass(frozen=True)
class Usage:
    """A reading; the difference of two is what was used between them."""

    at: float
    server: float
    """Seconds of CPU of the embedded cloud's server, waiting for events and polling included."""
    functions: float
    """Seconds of CPU of the processes that run functions."""
    client: float
    """Seconds of CPU of this process."""
    calls: Counter[Call]

    @classmethod
    def read(cls, cloud: LocalCloud) -> Self:
        """Read it now; the server is one that this process started.

        Raises:
            RuntimeError: without ``/proc``, or when no server runs.
        """
        server, functions = _seconds_of_server()
        return cls(time.monotonic(), server, functions, time.process_time(), cloud.api_calls())

    def since(self, earlier: "Usage") -> "Usage":
        """Return what was used since an earlier reading; ``at`` is how many seconds lie between them."""
        return Usage(
            self.at - earlier.at,
            self.server - earlier.server,
            self.functions - earlier.functions,
            self.client - earlier.client,
            self.calls - earlier.calls,
        )


@dataclass(frozen=True)
class _Process:
    parent: int
    seconds: float
    command: str


def _seconds_of_server() -> tuple[float, float]:
    processes = {int(folder.name): one for folder in Path("/proc").glob("[0-9]*") if (one := _process(folder))}
    own = [pid for pid, one in processes.items() if _SERVER in one.command and one.parent == os.getpid()]
    # The process that was launched guards the server, which is its child.
    servers = [pid for pid, one in processes.items() if one.parent in own]
    if len(servers) != 1:
        raise RuntimeError(f"{len(servers)} servers of this process in /proc; the benchmark runs on Linux, with one")
    functions = _below(servers[0], processes)
    return processes[servers[0]].seconds, sum(processes[pid].seconds for pid in functions)


def _below(pid: int, processes: dict[int, _Process]) -> list[int]:
    children = [child for child, one in processes.items() if one.parent == pid]
    return children + [below for child in children for below in _below(child, processes)]


def _process(folder: Path) -> _Process | None:
    try:
        # The name of the program, in parentheses, may have spaces.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        command = (folder / "cmdline").read_text().replace("\0", " ")
    except OSError:  # it has ended meanwhile
        return None
    user, system, of_ended_children = int(fields[11]), int(fields[12]), int(fields[13]) + int(fields[14])
    return _Process(int(fields[1]), (user + system + of_ended_children) / _TICKS, command)
