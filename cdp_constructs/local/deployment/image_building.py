"""Makes an image: a folder with the files of the image, and the packages that its Dockerfile installs."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path

from cdp_constructs.local.containers.dockerfile import DockerfileError, Recipe, Step, read
from cdp_constructs.local.containers.images import DESCRIPTION, ENVIRONMENT, ROOT
from cdp_constructs.local.process.locks import exclusive

__all__ = ["Build", "cache_folder", "make"]

_FORMAT = "1"
"""Part of what names a cached image: another way of making them makes them anew."""


@dataclass(frozen=True)
class Build:
    """A container image asset.

    Attributes:
        folder: The context.
        dockerfile: Path of the Dockerfile in it.
        arguments: Values of `ARG`.
    """

    folder: Path
    dockerfile: str = "Dockerfile"
    arguments: Mapping[str, str] | None = None

    def recipe(self) -> Recipe:
        """Read the Dockerfile.

        Raises:
            DockerfileError: it has something that cannot be done here.
        """
        return read(self.folder / self.dockerfile, self.arguments)


def cache_folder() -> Path:
    """Return where images are kept: `$XDG_CACHE_HOME/cdp-constructs/images`, `~/.cache/…` by default."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cdp-constructs" / "images"


def _digest(build: Build) -> str:
    """Name the image by all that it is made of."""
    digest = hashlib.sha256(json.dumps([_FORMAT, sys.version, build.dockerfile, dict(build.arguments or {})]).encode())
    for file in sorted(path for path in build.folder.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(build.folder)}\0{file.stat().st_mode & 0o111}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def make(build: Build) -> Path:
    """Make an image unless it is there, and return its folder, which is named by its digest.

    Raises:
        DockerfileError: the Dockerfile has something that cannot be done here, or a package could not be installed.
    """
    recipe = build.recipe()
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / _digest(build)
    with exclusive(cache / ".lock"):
        if folder.is_dir():
            return folder
        made = Path(tempfile.mkdtemp(prefix=".new-", dir=cache))
        try:
            _fill(made, build, recipe)
            (made / DESCRIPTION).write_text(json.dumps(asdict(recipe)))
            made.chmod(0o755)
            made.rename(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return folder


def _fill(made: Path, build: Build, recipe: Recipe) -> None:
    (made / ROOT).mkdir()
    if recipe.base == "python":
        venv.create(made / ENVIRONMENT, symlinks=True, with_pip=shutil.which("uv") is None)
    for step in recipe.steps:
        target = made / ROOT / step.folder.lstrip("/")
        target.mkdir(parents=True, exist_ok=True)
        try:
            if step.kind == "copy":
                _copy(build, made / ROOT, step)
            else:
                _install(made, target, step)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise DockerfileError(f"{build.dockerfile}, line {step.line}: {error}") from error
    (made / ROOT / recipe.folder.lstrip("/")).mkdir(parents=True, exist_ok=True)


def _ignored(build: Build) -> Sequence[str]:
    file = build.folder / ".dockerignore"
    lines = file.read_text().splitlines() if file.exists() else []
    return [line.strip().strip("/") for line in lines if line.strip() and not line.startswith(("#", "!"))]


def _copy(build: Build, root: Path, step: Step) -> None:
    *sources, destination = step.arguments
    ignored = _ignored(build)
    target = root / str(Path(step.folder, destination)).lstrip("/")
    context = build.folder.resolve()
    found = [path for source in sources for path in _matching(context, source)]
    into = destination.endswith("/") or len(found) > 1 or destination in {".", "./"}

    def ignore(folder: str, names: list[str]) -> list[str]:
        where = Path(folder).relative_to(context)
        return [name for name in names if any(fnmatch((where / name).as_posix(), pattern) for pattern in ignored)]

    for source in found:
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignore, dirs_exist_ok=True)
        else:
            place = target / source.name if into or target.is_dir() else target
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, place)


def _matching(context: Path, source: str) -> list[Path]:
    pattern = source.strip("/").removeprefix("./")
    found = [context] if pattern in {"", "."} else sorted(context.glob(pattern))
    if not found or not all(path.resolve().is_relative_to(context) for path in found):
        raise ValueError(f"COPY {source}: there is no such file in the build context")
    return found


def _install(made: Path, folder: Path, step: Step) -> None:
    python = made / ENVIRONMENT / "bin" / "python"
    uv = shutil.which("uv")
    if step.kind == "npm":
        command = [shutil.which("npm") or "npm", *step.arguments]
    elif uv:
        arguments = [word for word in step.arguments if word != "--no-cache-dir"]
        command = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), *arguments]
    else:
        command = [str(python), "-m", "pip", "install", "--quiet", *step.arguments]
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    ended = subprocess.run(  # noqa: S603  # what the Dockerfile of the user says
        command, cwd=folder, check=False, capture_output=True, text=True, env={**environment, **step.environment}
    )
    if ended.returncode:
        lines = [line.strip() for line in (ended.stderr or ended.stdout).splitlines() if line.strip()]
        raise ValueError(f"{' '.join((step.kind, *step.arguments))} failed: {' '.join(lines[-3:])[:400]}")
