"""The folders of a server: a private one, and beside it one for temporary files, which the code of functions is in."""

import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["make", "remove", "temporary_folder"]

_TEMPORARY = "tmp"


def make() -> Path:
    """Return a new private folder; that for temporary files is linked from it, and does not tell where it is."""
    folder = Path(tempfile.mkdtemp(prefix="cdp-local-"))
    for name in ("state", "s3"):
        (folder / name).mkdir(mode=0o700)
    temporary = Path(tempfile.mkdtemp(prefix="cdp-tmp-"))
    if os.geteuid() == 0:
        temporary.chmod(0o711)  # functions have other users, who may enter and not list it
    (folder / _TEMPORARY).symlink_to(temporary)
    return folder


def temporary_folder(folder: Path) -> Path:
    """Return the folder for temporary files that belongs to a server's private folder."""
    return (folder / _TEMPORARY).resolve()


def remove(folder: Path) -> None:
    """Remove both, as far as they are there."""
    shutil.rmtree(temporary_folder(folder), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
