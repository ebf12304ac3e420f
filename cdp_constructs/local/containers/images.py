"""Images that containers can be started from: those of an assembly, by the names under which templates use them."""

import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from cdp_constructs.local.containers import hooked
from cdp_constructs.local.containers.dockerfile import Recipe
from cdp_constructs.local.containers.names import Name
from cdp_constructs.local.kit.links import link_file

__all__ = ["DESCRIPTION", "ENVIRONMENT", "ROOT", "Image", "add", "find"]

ROOT, ENVIRONMENT, DESCRIPTION = "root", "environment", "image.json"
"""What the folder of an image has: its files, the packages of Python, and what its Dockerfile says."""
_images: dict[str, tuple[str, "Future[Image]"]] = {}
"""By name: the digest, and the image as soon as its files are there."""
_adding = Lock()
_copying = ThreadPoolExecutor(1, thread_name_prefix="images")


@dataclass(frozen=True)
class Image:
    """An image that was made here.

    Attributes:
        folder: Its files and packages.
        recipe: What its Dockerfile says.
        digest: Names its content, as a registry does.
        named_user: Whether its program wants a user that the system knows by name.
    """

    folder: Path
    recipe: Recipe
    digest: str
    named_user: bool = False

    @property
    def root(self) -> Path:
        """Folder that stands for `/` of the image."""
        return self.folder / ROOT

    def located(self, text: str) -> str:
        """Return a word with the path of a file of the image as it is on this machine; others as they are."""
        path = self.root / text.lstrip("/")
        return str(path) if text.startswith("/") and text != "/" and path.exists() else text

    def command(self, entrypoint: Sequence[str] | None, command: Sequence[str] | None) -> list[str]:
        """Return the words to start, with what a container definition says in place of what the image says."""
        first = self.recipe.entrypoint if entrypoint is None else entrypoint
        # An entry point of the definition clears the image's command, as Docker does it.
        rest = command if command is not None else (() if entrypoint is not None else self.recipe.command)
        words = [self.located(word) for word in (*first, *rest)]
        if not words:
            raise ValueError("neither the image nor the container definition has a command")
        return [*self._program(words[0]), *words[1:]]

    def _program(self, name: str) -> list[str]:
        found = shutil.which(name, path=self.search_path)
        if found is None:
            return [name]
        programs = self.folder / ENVIRONMENT / "bin"
        # A script names the interpreter of the place where the image was made.
        if Path(found).parent == programs and _is_script_of_python(Path(found)):
            return [str(programs / "python"), found]
        return [found]

    @property
    def search_path(self) -> str:
        """The `PATH` of its containers."""
        node = shutil.which("node")
        own = [
            str(self.folder / ENVIRONMENT / "bin"),
            str(self.root / self.recipe.folder.lstrip("/") / "node_modules/.bin"),
        ]
        return os.pathsep.join(
            [*own, *([str(Path(node).parent)] if node else []), "/usr/local/bin", "/usr/bin", "/bin"]
        )

    def environment(self) -> dict[str, str]:
        """Return the variables that the image gives to its containers, with those that give each its own address."""
        values = {name: self.located(value) for name, value in self.recipe.environment.items()}
        return {**values, "PATH": self.search_path, **hooked.variables(values)}


def _is_script_of_python(file: Path) -> bool:
    """Whether a file is a script for Python."""
    with file.open("rb") as opened:
        first = opened.readline(512)
    return first.startswith(b"#!") and b"python" in first


def add(name: str, made: Path, base: Callable[[], Path], authority: Callable[[], str]) -> str:
    """Make an image known under the name that templates use, `<repository>:<tag>`, and return its digest.

    Its files are copied or linked to the server, so that containers of other users can read them and none changes what
    is kept. That goes on when this returns; `find` waits for it.

    Args:
        name: The name.
        made: Folder of the image, as the deployment has made it.
        base: Returns a Python that every user can read; that of the image's environment builds on it.
        authority: Returns the certificate authority of databases, for images that have that of Amazon RDS.
    """
    digest = f"sha256:{hashlib.sha256(made.name.encode()).hexdigest()}"
    with _adding:
        same = next((image for known, image in _images.values() if known == digest), None)
        _images[name] = digest, same or _copying.submit(_copy, made, digest, base, authority)
    return digest


def _copy(made: Path, digest: str, base: Callable[[], Path], authority: Callable[[], str]) -> Image:
    folder = Path(tempfile.mkdtemp(prefix="image-"))
    for part in made.iterdir():
        if part.is_dir():
            # Containers have other users where root runs the server. Elsewhere a program might write to files of its
            # own; packages are replaced and not written to.
            copy = link_file if os.geteuid() == 0 or part.name == ENVIRONMENT else shutil.copy2
            shutil.copytree(part, folder / part.name, symlinks=True, copy_function=copy)
        else:
            shutil.copy2(part, folder)
    described: Mapping[str, Any] = json.loads((folder / DESCRIPTION).read_text())
    image = Image(folder, Recipe(**described), digest)
    for path in image.recipe.authorities:
        file = image.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(authority())
    _let_everybody_read(folder)
    _build_on(folder / ENVIRONMENT, base())
    return image


def _build_on(environment: Path, base: Path) -> None:
    """Let a virtual environment build on another interpreter of the same version."""
    settings = environment / "pyvenv.cfg"
    if not settings.exists():
        return
    lines = settings.read_text().splitlines()
    settings.unlink()  # it may be a link to what is kept
    settings.write_text(
        "".join(f"home = {base.parent}\n" if line.startswith("home ") else f"{line}\n" for line in lines)
    )
    for link in (environment / "bin").glob("python*"):
        link.unlink()
        link.symlink_to(base)


def _let_everybody_read(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        wanted = 0o755 if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0o644
        if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) != wanted:
            path.chmod(wanted)


def find(name: str) -> Image | None:
    """Return the image that a container definition names, by tag or by digest; None when there is none."""
    wanted = Name.read(name)
    if wanted is None:
        return None
    if wanted.digest:
        return next((image.result() for known, image in _images.values() if known == wanted.digest), None)
    found = _images.get(wanted.local)
    return found[1].result() if found else None
