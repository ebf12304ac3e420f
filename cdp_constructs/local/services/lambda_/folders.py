"""Files that functions read: in the folder of temporary files, which is apart from the server's private one.

A server that root runs gives functions other users (`sandboxes`), who enter this folder and cannot list it. Packages
that only root can read, for example below `/root`, are linked into it.
"""

import os
import shutil
import stat
import tempfile
from pathlib import Path

from cdp_constructs.local.kit.links import link_file

__all__ = ["is_readable", "link_tree", "new_folder", "readable"]


def new_folder(prefix: str) -> Path:
    """Make a folder that every user may read."""
    made = Path(tempfile.mkdtemp(prefix=prefix))
    made.chmod(0o755)
    return made


def readable(path: Path) -> Path:
    """Return a file or folder as every user can read it: itself, or links to it and to what it contains."""
    target = path.resolve()
    if is_readable(target):
        return path
    copy = new_folder("readable-") / path.name
    if target.is_dir():
        link_tree(target, copy)
    else:
        link_file(str(target), str(copy))
    return copy


def is_readable(path: Path) -> bool:
    """Whether the users of functions can read it; without root they are the user of the server."""
    if os.geteuid() != 0:
        return True
    target = path.resolve()
    needed = stat.S_IROTH | (stat.S_IXOTH if target.is_dir() else 0)
    reachable = all(parent.stat().st_mode & stat.S_IXOTH for parent in target.parents)
    return reachable and target.stat().st_mode & needed == needed


def link_tree(source: Path, target: Path, *without: str) -> None:
    """Link the files of a folder, without those whose names match a pattern."""
    shutil.copytree(source, target, copy_function=link_file, ignore=shutil.ignore_patterns(*without))
