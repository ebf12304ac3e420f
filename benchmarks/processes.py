"""One process, timed: wall, user time with that of its children, and the memory of the largest of them."""

import os
import statistics
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Run", "medians", "ratio", "run"]

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Run:
    """Seconds on the wall and in user code, and MB of the largest process."""

    wall: float
    user: float
    memory: float


def run(command: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Run a command in the project's folder.

    Raises:
        RuntimeError: with the end of what it printed, when it fails.
    """
    started = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - our own interpreters and scripts
        list(command),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {errors.decode(errors='replace')[-2000:]}")
    return Run(wall, usage.ru_utime, usage.ru_maxrss / 1024)


def medians(runs: Iterable[Run]) -> Run:
    """Return the median of each measure."""
    listed = list(runs)
    return Run(
        statistics.median(one.wall for one in listed),
        statistics.median(one.user for one in listed),
        statistics.median(one.memory for one in listed),
    )


def ratio(ours: Sequence[Run], theirs: Sequence[Run]) -> tuple[float, float]:
    """Return how many times the wall and the user time ours take, pair by pair, in the median."""
    pairs = list(zip(ours, theirs, strict=True))
    return (
        statistics.median(one.wall / other.wall for one, other in pairs),
        statistics.median(one.user / other.user for one, other in pairs),
    )
