"""The folders of a server: a private one, and beside it one for temporary files, which the code of functions is in.

Guardian and server both remove them. The lock of the private folder is held as long as one of the two lives, so that
the next start finds and removes what servers left that were killed together with their guardians.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cdp_constructs.local.containers import groups

__all__ = ["held", "make", "remove", "remove_abandoned", "temporary_folder"]

_PREFIX = "cdp-local-"
_TEMPORARY = "tmp"
_LOCK = "lock"


def make() -> Path:
    """Return a new private folder; that for temporary files is linked from it, and does not tell where it is."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    for name in ("state", "s3"):
        (folder / name).mkdir(mode=0o700)
    temporary = Path(tempfile.mkdtemp(prefix="cdp-tmp-"))
    if os.geteuid() == 0:
        temporary.chmod(0o711)  # functions have other users, who may enter and not list it
    (folder / _TEMPORARY).symlink_to(temporary)
    return folder


@contextlib.contextmanager
def held(folder: Path) -> Iterator[int]:
    """Provide a file descriptor: processes that inherit it keep the folder from being removed as abandoned."""
    # Named only when it is locked: another start must not find it before.
    unfinished = folder / f".{_LOCK}"
    lock = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unfinished.rename(folder / _LOCK)
        yield lock
    finally:
        os.close(lock)


def temporary_folder(folder: Path) -> Path:
    """Return the folder for temporary files that belongs to a server's private folder."""
    return (folder / _TEMPORARY).resolve()


def remove(folder: Path) -> None:
    """Remove both, as far as they are there."""
    shutil.rmtree(temporary_folder(folder), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():  # a process that was ending wrote there meanwhile: without its lock no start would find it
        with contextlib.suppress(OSError):
            (folder / _LOCK).touch(mode=0o600)


def remove_abandoned() -> None:
    """Remove the folders of this user whose servers were killed, and their guardians too; end what they have left."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, without a lock yet, held, or gone meanwhile
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                groups.end(folder)
                remove(folder)
            finally:
                os.close(lock)
