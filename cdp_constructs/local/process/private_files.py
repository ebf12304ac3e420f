"""Private files in folders of this library: for their user only, whatever the umask, and no empty folder stays."""

import contextlib
import os
from pathlib import Path

__all__ = ["OWNER", "make_folder", "remove", "remove_empty", "write"]

OWNER = "cdp-constructs"
"""Name of the folders that this library makes in the user's home."""

_ATTEMPTS = 20


def make_folder(folder: Path) -> None:
    """Make a folder with those above it, and keep other users out of those that are this library's."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for one in (folder, *folder.parents):
        one.chmod(0o700)
        if one.name == OWNER or OWNER not in one.parts:
            return


def write(file: Path, text: str) -> None:
    """Write a file whole: whoever reads it meanwhile sees the old text or the new one."""
    unfinished = file.with_suffix(f".{os.getpid()}")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            make_folder(file.parent)
            unfinished.unlink(missing_ok=True)
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
                opened.write(text)
            unfinished.replace(file)
        except FileNotFoundError:  # another process has removed the folder, which was empty
            if attempt == _ATTEMPTS:
                raise
        else:
            return


def remove(file: Path) -> None:
    """Remove a file if it is there, and the folders that are empty without it."""
    file.unlink(missing_ok=True)
    remove_empty(file.parent)


def remove_empty(folder: Path) -> None:
    """Remove a folder and those above it, as far as they are this library's and empty."""
    with contextlib.suppress(OSError):  # one of them is in use
        for one in (folder, *folder.parents):
            if OWNER not in one.parts:
                return
            one.rmdir()
            if one.name == OWNER:
                return
