"""Starts a program that finds folders of this machine at other paths, in a mount namespace of its own (Linux).

Usage: `python -I mounts.py <path of a JSON file>` with the command, environment, mounts and user of the program, which
takes the place of this process; the file is removed. `template` calls `enter` in the processes that it forks. Nothing
of this library is imported: another user may not be able to read its files.
"""

import ctypes
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

_NEW_MOUNTS, _NEW_USERS = 0x0002_0000, 0x1000_0000  # CLONE_NEWNS, CLONE_NEWUSER
_BIND, _ALL_BELOW, _PRIVATE = 0x1000, 0x4000, 0x4_0000  # MS_BIND, MS_REC, MS_PRIVATE


def enter(mounts: Mapping[str, str], user: int | None) -> None:
    """Let this process, which has one thread, find folders at other paths, and become another user.

    Without root that takes a user namespace, which some systems do not allow; the process keeps its user and group.

    Args:
        mounts: The folder by the path, which must be a folder too.
        user: User and group id, None for those that the process has.

    Raises:
        OSError: the system does not allow it.
    """
    if mounts:
        _mount(mounts)
    if user is not None:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)


def _mount(mounts: Mapping[str, str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    own_user, own_group = os.geteuid(), os.getegid()
    _check(libc.unshare(_NEW_MOUNTS | (_NEW_USERS if own_user else 0)), "unshare")
    if own_user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{own_user} {own_user} 1")
        Path("/proc/self/gid_map").write_text(f"{own_group} {own_group} 1")
    _check(libc.mount(b"none", b"/", None, _ALL_BELOW | _PRIVATE, None), "mount /")
    for path, folder in mounts.items():
        _check(libc.mount(os.fsencode(folder), os.fsencode(path), None, _BIND, None), f"mount {folder} at {path}")


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)}: {what}")


def main() -> None:
    """Become the program that the request describes."""
    file = Path(sys.argv[1])
    request = json.loads(file.read_bytes())
    file.unlink()
    enter(request["mounts"], request["user"])
    command = request["command"]
    os.execvpe(command[0], command, request["environment"])  # noqa: S606  # what the user deployed, without a shell


if __name__ == "__main__":
    main()
