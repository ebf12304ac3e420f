"""A home and a folder for temporary files, in which a test sees what programs leave."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Place", "own_place"]

ROOT = Path(__file__).parents[1]
_PATIENCE_SECONDS = 30.0

# Folders that others own too, and two caches that all of the user's applications share and start faster with: jsii's
# of packages (JSII_RUNTIME_PACKAGE_CACHE=disabled leaves it out), and the CDK's of what assets hash to.
_STANDARD = {"home/.local", "home/.local/state", "home/.cache", "home/.cdk"}
_CACHES = ("home/.cache/aws", "home/.cdk/cache")


@dataclass(frozen=True)
class Place:
    """A home and a folder for temporary files that nobody else uses."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTEST_"))}
        return own | {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp"), "PYTHONPATH": str(ROOT)}

    def run(self, *command: str, umask: int = 0o022, cwd: Path = ROOT) -> str:
        """Run a program of Python to its end, and return what it printed."""
        ended = subprocess.run(
            [sys.executable, *command],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            env=self.environment,
            umask=umask,
            timeout=240,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def left(self) -> set[str]:
        """Return what is there, without what is said above."""
        # os.walk passes over folders that are removed meanwhile; rglob raises.
        paths = {
            str((Path(parent) / name).relative_to(self.folder))
            for parent, folders, files in os.walk(self.folder)
            for name in (*folders, *files)
        }
        return {path for path in paths - {"home", "tmp"} - _STANDARD if not path.startswith(_CACHES)}

    def processes(self) -> set[str]:
        """Return the commands of the processes that run with this home or this folder for temporary files."""
        found = set()
        for process in Path("/proc").glob("[0-9]*"):  # Linux; macOS has no such folder
            with contextlib.suppress(OSError):  # it ended meanwhile
                if f"{self.folder}/".encode() in (process / "environ").read_bytes():
                    found.add((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        return found

    def wait_until_clean(self) -> None:
        """The guardian of a server removes its files a moment after the program has ended."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while left := self.left() | self.processes():
            assert time.monotonic() < deadline, f"left behind: {sorted(left)[:20]}"
            time.sleep(0.05)


@contextmanager
def own_place(tmp_path: Path) -> Iterator[Place]:
    """Make a place below a test's folder; afterwards nothing of it may be in shared memory."""
    # The users of functions pass through every folder above their own.
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o711)
    for name in ("home", "tmp"):
        (tmp_path / "place" / name).mkdir(parents=True)
    before = _shared_memory()
    yield Place(tmp_path / "place")
    assert not {name for name in _shared_memory() - before if "cdp" in name or "ministack" in name}


def _shared_memory() -> set[str]:
    folder = Path("/dev/shm")  # noqa: S108  # only looked into; macOS does not have it
    return {file.name for file in folder.iterdir()} if folder.exists() else set()
