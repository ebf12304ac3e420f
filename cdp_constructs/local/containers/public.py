"""Public images that run here as real programs: PostgreSQL, Valkey and Zabbix, and the sample of Amazon ECS.

Their tags are not looked at: what runs is the version of the wheel or the package. Any other image of a registry is
described only.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

from cdp_constructs.local.containers import postgres, valkey, zabbix
from cdp_constructs.local.containers.dockerfile import Recipe
from cdp_constructs.local.containers.images import ENVIRONMENT, ROOT, Image
from cdp_constructs.local.containers.names import Name

__all__ = ["find", "missing"]

_PROGRAMS = Path(__file__).with_name("public_images")
_REGISTRY = re.compile(r"(?:(?:docker\.io|registry-1\.docker\.io|public\.ecr\.aws(?:/docker)?)/)?(?:library/)?")


@dataclass(frozen=True)
class _Public:
    """A public image.

    Attributes:
        programs: File of each program, by the name under which its containers find it.
        recipe: What its Dockerfile would say.
        found: Returns where its own programs are, by the variables that say so; None for what is not installed.
        named_user: Whether its program wants a user that the system knows by name.
    """

    programs: Mapping[str, str]
    recipe: Recipe
    found: Callable[[], Mapping[str, Path | None]] = field(default=dict)
    named_user: bool = False
    missing: str = ""
    """What to install where its programs are not there; empty where an extra of this library brings them."""


_POSTGRES = _Public(
    {"docker-entrypoint.sh": "postgres.sh"},
    Recipe(
        environment={"PGDATA": "/var/lib/postgresql/data"},
        entrypoint=("docker-entrypoint.sh",),
        command=("postgres",),
        stop_signal="SIGINT",
    ),
    lambda: {"CDP_POSTGRES": postgres.programs()},
    named_user=True,
)
_VALKEY = _Public(
    {
        **dict.fromkeys(("docker-entrypoint.sh", "valkey-server", "redis-server"), "valkey.sh"),
        **dict.fromkeys(("valkey-cli", "redis-cli"), "valkey_cli.py"),
    },
    Recipe(entrypoint=("docker-entrypoint.sh",), command=("valkey-server",)),
    lambda: {"CDP_VALKEY": valkey.program()},
)
_ZABBIX = _Public(
    dict.fromkeys(("docker-entrypoint.sh", "zabbix_server"), "zabbix.sh"),
    Recipe(entrypoint=("docker-entrypoint.sh",), command=("zabbix_server",)),
    zabbix.programs,
    missing=zabbix.MISSING,
)
_SAMPLE = _Public({"sample": "sample.py"}, Recipe(command=("sample",)))
_KNOWN = {
    "postgres": _POSTGRES,
    "redis": _VALKEY,
    "valkey/valkey": _VALKEY,
    "zabbix/zabbix-server-pgsql": _ZABBIX,
    "amazon/amazon-ecs-sample": _SAMPLE,
    "ecs-sample-image/amazon-ecs-sample": _SAMPLE,
}
_made: dict[str, Image] = {}
_making = Lock()


def missing() -> dict[str, str]:
    """Return what to install for public images that no wheel runs, by the image."""
    return {name: public.missing for name, public in _KNOWN.items() if public.missing and not _runs(public)}


def _runs(public: _Public) -> bool:
    return None not in public.found().values()


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
    if public is None or not _runs(public):
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
    recipe = public.recipe
    places = {variable: str(readable(place)) for variable, place in public.found().items() if place is not None}
    environment = {**recipe.environment, **places}
    digest = f"sha256:{hashlib.sha256(repository.encode()).hexdigest()}"
    return Image(folder, replace(recipe, environment=environment), digest, named_user=public.named_user)
