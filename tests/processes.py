"""Processes of this machine, as tests ask for them."""

import os
import subprocess
from pathlib import Path


def children(pid: int) -> list[int]:
    """Return the ids of the processes that this one has started."""
    done = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(one) for one in done.stdout.split()]


def is_running(pid: int) -> bool:
    """Say whether a process is there; a negative id is that of a group, of which one process is enough."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def lives(pid: int) -> bool:
    """Say whether a process has not ended, as Linux tells it: one that nobody has waited for yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
