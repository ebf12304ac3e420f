"""The folders of test files: clones of public projects, with the commit that is checked out."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .expectations import FOLDERS


@dataclass(frozen=True)
class Corpus:
    """The test files of a project."""

    project: str
    """Owner and name."""
    commit: str
    folder: Path

    @classmethod
    def all_below(cls, folder: Path) -> "list[Corpus]":
        """Return the clones in a folder, by project."""
        return sorted((cls._of(path.parent) for path in folder.glob("*/.git")), key=lambda corpus: corpus.project)

    @classmethod
    def _of(cls, folder: Path) -> "Corpus":
        owner, name = _git(folder, "remote", "get-url", "origin").removesuffix(".git").replace(":", "/").split("/")[-2:]
        return cls(f"{owner}/{name}", _git(folder, "rev-parse", "HEAD"), folder)

    def files(self) -> Iterator[tuple[str, Path]]:
        """Yield the test files: project and path in it, and where it is."""
        for path in sorted((self.folder / FOLDERS.get(self.project, ".")).rglob("*")):
            inside = path.relative_to(self.folder)
            if path.is_file() and ".git" not in inside.parts:
                yield f"{self.project}/{inside.as_posix()}", path


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.strip()
