"""Processes of this machine, as tests ask for them."""

import os
import subprocess


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
