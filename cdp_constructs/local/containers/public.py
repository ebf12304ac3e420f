"""Public images that run here as real programs: PostgreSQL and Valkey from their wheels, and the sample of Amazon ECS.

Their tags are not looked at: what runs is the version of the wheel. Any other image of a registry is described only.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

from cdp_constructs.local.containers import postgres, valkey
from cdp_constructs.local.containers.dockerfile import Recipe
from cdp_constructs.local.containers.images import ENVIRONMENT, ROOT, Image
from cdp_constructs.local.containers.names import Name

__all__ = ["find"]

_PROGRAMS = Path(__file__).with_name("public_images")
_REGISTRY = re.compile(r"(?:(?:docker\.io|registry-1\.docker\.io|public\.ecr\.aws(?:/docker)?)/)?(?:library/)?")


@dataclass(frozen=True)
class _Public:
    """A public image.

    Attributes:
        programs: File of each program, by the name under which its containers find it.
        recipe: What its Dockerfile would say.
        found: Returns where its own program is, None when the extra is not installed, and the variable that says so.
        named_user: Whether its program wants a user that the system knows by name.
    """

    programs: Mapping[str, str]
    recipe: Recipe
    found: Callable[[], tuple[str, Path | None]] = field(default=lambda: ("", Path()))
    named_user: bool = False


_POSTGRES = _Public(
    {"docker-entrypoint.sh": "postgres.sh"},
    Recipe(
        environment={"PGDATA": "/var/lib/postgresql/data"},
        entrypoint=("docker-entrypoint.sh",),
        command=("postgres",),
        stop_signal="SIGINT",
    ),
    lambda: ("CDP_POSTGRES", postgres.programs()),
    named_user=True,
)
_VALKEY = _Public(
    {
        **dict.fromkeys(("docker-entrypoint.sh", "valkey-server", "redis-server"), "valkey.sh"),
        **dict.fromkeys(("valkey-cli", "redis-cli"), "valkey_cli.py"),
    },
    Recipe(entrypoint=("docker-entrypoint.sh",), command=("valkey-server",)),
    lambda: ("CDP_VALKEY", valkey.program()),
)
_SAMPLE = _Public({"sample": "sample.py"}, Recipe(command=("sample",)))
_KNOWN = {
    "postgres": _POSTGRES,
    "redis": _VALKEY,
    "valkey/valkey": _VALKEY,
    "amazon/amazon-ecs-sample": _SAMPLE,
    "ecs-sample-image/amazon-ecs-sample": _SAMPLE,
}
_made: dict[str, Image] = {}
_making = Lock()


def find(name: str, base: Callable[[], Path], readable: Callable[[Path], Path]) -> Image | None:
    """Return the public image that a container definition names; None for all others.

    Args:
        name: The name.
        base: Returns a Python that every user can read.
        readable: Returns a file or folder as every user can read it.
    """
    wanted = Name.read(name)
    repository = _REGISTRY.sub("", wanted.local, count=1).rpartition(":")[0] if wanted else ""
    public = _KNOWN.get(repository)
    if public is None or public.found()[1] is None:
        return None
    with _making:
        if repository not in _made:
            _made[repository] = _make(repository, public, base(), readable)
        return _made[repository]


def _make(repository: str, public: _Public, base: Path, readable: Callable[[Path], Path]) -> Image:
    folder = Path(tempfile.mkdtemp(prefix="image-"))
    programs = folder / ENVIRONMENT / "bin"
    programs.mkdir(parents=True)
    (folder / ROOT).mkdir()
    # Python finds its library by it, as in a virtual environment.
    (folder / ENVIRONMENT / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    for name in ("python", "python3"):
        (programs / name).symlink_to(base)
    for name, file in public.programs.items():
        shutil.copy(_PROGRAMS / file, programs / name)
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o644 if path.name == "pyvenv.cfg" else 0o755)
    recipe, (variable, program) = public.recipe, public.found()
    environment = {**recipe.environment, variable: str(readable(program))} if variable and program else {}
    digest = f"sha256:{hashlib.sha256(repository.encode()).hexdigest()}"
    return Image(folder, replace(recipe, environment=environment), digest, named_user=public.named_user)
