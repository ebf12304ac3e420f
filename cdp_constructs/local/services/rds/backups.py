"""RDS: the data of a database in a file, as snapshots and automated backups have it."""

import os
import shutil
import tarfile
from pathlib import Path
from uuid import uuid4

from cdp_constructs.local.containers import docker

__all__ = ["discard", "new", "take", "unpack"]

_SECONDS = 120.0
_COPY = """set -eu
umask 077
rm -rf "$HOME/backup"
pg_basebackup -U "$POSTGRES_USER" -D "$HOME/backup" --format=tar --gzip --compress=1 --wal-method=fetch \\
    --checkpoint=fast --no-sync --no-manifest
"""


def new() -> Path:
    """Return the name of a file for a backup, which is not there yet."""
    folder = docker.volume_folder("backups")
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{uuid4().hex}.tar.gz"


def take(server: docker.DockerContainer) -> Path:
    """Copy the data of a server into a file, while it runs and at one point in time, or as it was when it ended.

    Raises:
        RuntimeError: the data could not be copied.
    """
    container, file = server.container, new()
    if server.status != "running":
        data = Path(container.spec.environment["PGDATA"])
        with tarfile.open(file, "w:gz", compresslevel=1) as archive:
            archive.add(data, ".", filter=lambda entry: None if entry.name == "./postmaster.pid" else entry)
        return file
    code, output = container.run(["/bin/sh", "-c", _COPY], _SECONDS)
    if code:
        raise RuntimeError(f"the data could not be copied: {output.decode(errors='replace').strip()}")
    shutil.move(container.home / "backup" / "base.tar.gz", file)
    return file


def unpack(file: Path, data: Path, user: int | None) -> None:
    """Fill the empty data folder of a server with a backup.

    Args:
        file: The backup.
        data: The data folder.
        user: Whom its files belong to; None for the user of the cloud.
    """
    with tarfile.open(file) as archive:
        # Python 3.11.2 of Debian has no filters, nor an option for one.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(data)  # noqa: S202 - pg_basebackup has made it
    if user is not None:
        for path in (data, *data.rglob("*")):
            os.chown(path, user, user, follow_symlinks=False)


def discard(file: Path) -> None:
    """Remove a backup."""
    file.unlink(missing_ok=True)
