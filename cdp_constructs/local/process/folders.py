"""The folders of a server: one that is private to it, and one beside it for the functions that it runs."""

import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["functions_folder", "make", "remove"]

_FUNCTIONS = "functions"


def make() -> Path:
    """Return a new private folder; the one for functions is linked from it, and does not tell where it is."""
    folder = Path(tempfile.mkdtemp(prefix="cdp-local-"))
    (folder / "tmp").mkdir()
    functions = Path(tempfile.mkdtemp(prefix="cdp-functions-"))
    if os.geteuid() == 0:
        functions.chmod(0o711)  # functions have other users, who may enter and not list it
    (folder / _FUNCTIONS).symlink_to(functions)
    return folder


def functions_folder(folder: Path) -> Path:
    """Return the folder for functions that belongs to a server's folder."""
    return (folder / _FUNCTIONS).resolve()


def remove(folder: Path) -> None:
    """Remove both, as far as they are there."""
    shutil.rmtree(functions_folder(folder), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
