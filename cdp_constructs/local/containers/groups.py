"""Process groups of containers, recorded where the guardian of the server finds them when the server has gone."""

import contextlib
import os
import signal
from pathlib import Path

__all__ = ["FOLDER", "end", "forget", "record"]

FOLDER = "groups"
"""In the private folder of a server; a file for each group, named by its id, with the time of its start."""


def record(folder: Path, group: int) -> None:
    """Note that a group was started."""
    (folder / FOLDER).mkdir(exist_ok=True)
    (folder / FOLDER / str(group)).write_text(_started(group))


def forget(folder: Path, group: int) -> None:
    """Note that a group has ended: another process may get its id."""
    (folder / FOLDER / str(group)).unlink(missing_ok=True)


def end(folder: Path) -> None:
    """Kill every group that is still recorded, unless its id is another process's by now."""
    with contextlib.suppress(FileNotFoundError):
        for file in list((folder / FOLDER).iterdir()):
            with contextlib.suppress(OSError):
                # Nobody gets the id of a first process that has ended while others of its group live.
                if _started(int(file.name)) in {"", file.read_text()}:
                    os.killpg(int(file.name), signal.SIGKILL)
            file.unlink(missing_ok=True)


def _started(group: int) -> str:
    """Return when the first process of a group was started, as the system counts; nothing where it does not tell."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{group}/stat").read_text().rpartition(")")[2].split()[19]
    return ""
