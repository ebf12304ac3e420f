"""Process groups of containers, recorded where the guardian of the server finds them when the server has gone."""

import contextlib
import os
import signal
from pathlib import Path

__all__ = ["FOLDER", "end", "forget", "record"]

FOLDER = "groups"
"""In the private folder of a server; a file for each group, named by its id."""


def record(folder: Path, group: int) -> None:
    """Note that a group was started."""
    (folder / FOLDER).mkdir(exist_ok=True)
    (folder / FOLDER / str(group)).touch()


def forget(folder: Path, group: int) -> None:
    """Note that a group has ended: another process may get its id."""
    (folder / FOLDER / str(group)).unlink(missing_ok=True)


def end(folder: Path) -> None:
    """Kill every group that is still recorded."""
    with contextlib.suppress(FileNotFoundError):
        for file in list((folder / FOLDER).iterdir()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(int(file.name), signal.SIGKILL)
            file.unlink(missing_ok=True)
