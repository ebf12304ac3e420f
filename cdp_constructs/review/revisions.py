"""Templates that a git repository has committed, at two revisions: nothing of either is installed or run."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from cdp_constructs.review.changes.comparison import Compared
from cdp_constructs.review.templates import Template

__all__ = ["ReviewError", "Revisions"]

_TEMPLATES = (
    "*/__snapshots__/*.json",
    "__snapshots__/*.json",
    "*.template.json",
    "*/__snapshots__/*.snap",
    "__snapshots__/*.snap",
)
_DEPLOYED = "*stack*"
_BRACKETS = re.compile(r"\[(.+)\]")
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)")


class ReviewError(ValueError):
    """There is nothing that could be compared; the message says what to do."""


@dataclass(frozen=True)
class Revisions:
    """What changed between two revisions.

    Attributes:
        folder: A folder of the repository.
        base: Revision to compare with; what is compared is where the other one left it.
        head: The other revision; None for the working tree with its new files.
        deployed: Pattern of the paths of templates that are deployed; others are examples of tests.
    """

    folder: Path
    base: str = "main"
    head: str | None = None
    deployed: str = _DEPLOYED

    @cached_property
    def start(self) -> str:
        """The commit at which the two revisions parted."""
        root = self._root
        for revision in filter(None, (self.base, self.head)):
            if revision.startswith("-") or not self._git(
                "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", check=False
            ):
                raise ReviewError(f"{revision} is no revision of {root}; `git branch -a` lists some")
        found = self._git("merge-base", self.base, self.head or "HEAD", check=False)
        if not found:
            raise ReviewError(
                f"{self.base} and {self.head or 'HEAD'} have no commit in common; fetch more of the history"
            )
        return found.strip()

    @cached_property
    def files(self) -> Sequence[str]:
        """Paths that changed, and that are new, from the repository's root."""
        ends = [self.start, self.head] if self.head else [self.start]
        changed = self._git("diff", "--name-only", "--no-renames", "-z", *ends, "--").split("\0")
        new = (
            []
            if self.head
            else self._git("ls-files", "--others", "--exclude-standard", "-z", "--full-name").split("\0")
        )
        return sorted({path for path in (*changed, *new) if path})

    @property
    def templates(self) -> Sequence[str]:
        """Those of the files that hold templates."""
        return [path for path in self.files if any(fnmatchcase(path, pattern) for pattern in _TEMPLATES)]

    def compared(self) -> Iterator[Compared]:
        """Yield each template that changed.

        Raises:
            ReviewError: there is no repository, no such revision, or a snapshot is damaged.
        """
        for path in self.templates:
            old, new = self._templates(self._before(path), path), self._templates(self._now(path), path)
            for name in dict.fromkeys((*new, *old)):
                label = self._label(path, name)
                yield Compared(
                    label,
                    Template(label, old[name]) if name in old else None,
                    Template(label, new[name]) if name in new else None,
                    deployed=fnmatchcase(path.lower(), self.deployed),
                )

    def locked(self) -> Iterator[str]:
        """Yield each package of a lock file that has another version, with both."""
        for path in self.files:
            if path.endswith((".lock", ".txt")):
                old, new = _versions(self._before(path)), _versions(self._now(path))
                for name in sorted({*old, *new}):
                    if old.get(name) != new.get(name):
                        yield f"{name} {old.get(name, 'none')} -> {new.get(name, 'none')}   {path}"

    def code(self) -> Mapping[str, int]:
        """Return how many files of source code changed, by folder: what no template shows."""
        counted: dict[str, int] = {}
        for path in self.files:
            place = PurePosixPath(path)
            if place.suffix in {".py", ".ts", ".js", ".mjs"} and not {"tests", "test", "docs"} & set(place.parts):
                counted[str(place.parent)] = counted.get(str(place.parent), 0) + 1
        return counted

    def _git(self, *arguments: str, check: bool = True) -> str:
        try:
            command = ["git", "-C", str(self.folder), *arguments]
            done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  # revisions are checked
        except FileNotFoundError as error:
            raise ReviewError("git is not installed; compare two assemblies with --from and --to") from error
        if done.returncode and check:
            raise ReviewError(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip() or 'failed'}")
        return "" if done.returncode else done.stdout.decode(errors="replace")

    @cached_property
    def _root(self) -> Path:
        if self._git("rev-parse", "--is-bare-repository", check=False).strip() == "true" and self.head:
            return self.folder
        root = self._git("rev-parse", "--show-toplevel", check=False).strip()
        if not root:
            raise ReviewError(f"{self.folder} is in no git repository; compare two assemblies with --from and --to")
        return Path(root)

    def _before(self, path: str) -> str:
        return self._git("-C", str(self._root), "show", f"{self.start}:{path}", check=False)

    def _now(self, path: str) -> str:
        if self.head:
            return self._git("-C", str(self._root), "show", f"{self.head}:{path}", check=False)
        file = self._root / path
        return file.read_text(errors="replace") if file.is_file() else ""

    def _templates(self, text: str, path: str) -> dict[str, Mapping[str, Any]]:
        """Return the templates of a snapshot by name: it has one, or several."""
        if not text:
            return {}
        if path.endswith(".snap"):
            return _jest(text)
        try:
            body = json.loads(text)
        except ValueError as error:
            raise ReviewError(f"{path} is no JSON ({error}); write the snapshot again") from error
        if not isinstance(body, dict):
            return {}
        if isinstance(body.get("Resources"), dict):
            return {"": body}
        return {
            name: one for name, one in body.items() if isinstance(one, dict) and isinstance(one.get("Resources"), dict)
        }

    @staticmethod
    def _label(path: str, name: str) -> str:
        place = PurePosixPath(path)
        folder = "" if "snapshot" in place.parent.name else place.parent.name.removeprefix("test_")
        stem = place.name.removesuffix(".json").removesuffix(".template").removesuffix(".snap")
        if bracketed := _BRACKETS.search(stem):
            # Of several in one file, such as the stacks of a system, each has a name of its own.
            folder, stem = ("" if folder == "stacks" else folder), bracketed[1]
        return " ".join(part for part in (folder, stem, name) if part)


_EXPORTED = re.compile(r"^exports\[`(?P<name>.*?)`\] = `\n(?P<body>.*?)\n`;$", re.DOTALL | re.MULTILINE)


def _jest(text: str) -> dict[str, Mapping[str, Any]]:
    """Return the templates of a snapshot of Jest, which is nearly JSON."""
    found: dict[str, Mapping[str, Any]] = {}
    for match in _EXPORTED.finditer(text):
        plain = re.sub(
            r"^(\s*(?:\"(?:[^\"\\]|\\.)*\": )?)(?:Object|Array) (?=[\[{])", r"\1", match["body"], flags=re.MULTILINE
        )
        plain = re.sub(r",(?=\s*[\]}])", "", plain).replace("\\\\", "\\").replace("\\`", "`")
        try:
            body = json.loads(plain, strict=False)
        except ValueError:
            # Snapshots of something else, such as a rendered page.
            continue
        if isinstance(body, dict) and isinstance(body.get("Resources"), dict):
            found[match["name"]] = body
    return found


def _versions(text: str) -> dict[str, str]:
    return {match[1].lower(): match[2] for line in text.splitlines() if (match := _LOCKED.match(line))}
