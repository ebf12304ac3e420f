"""Load balancers: whether a connection comes from the embedded cloud itself, from one of its functions or its tasks.

All of them are on one machine and one network, so the system is asked which process has the other end: it belongs to
the cloud when it is in the process group of the server or of a container, or descends from one that is. Linux only.
"""

import contextlib
import os
from pathlib import Path

from cdp_constructs.local.containers import groups, peers

__all__ = ["is_inside"]


def _groups() -> set[int]:
    """Return the process groups of the server and of its containers."""
    recorded = Path(os.environ["STATE_DIR"]).parent / groups.FOLDER
    found = {os.getpgrp()}
    with contextlib.suppress(FileNotFoundError):
        found |= {int(file.name) for file in recorded.iterdir()}
    return found


def is_inside(own: tuple[str, int], peer: tuple[str, int]) -> bool:
    """Whether the other end of a connection belongs to the cloud.

    Args:
        own: This end's address and port.
        peer: The other end's.
    """
    process = peers.process_of(*peer, other=own)
    if process is None:
        return False
    of_cloud = _groups()
    return any(peers.group_of(each) in of_cloud for each in peers.lineage(process))
