"""RDS: the write-ahead log of a database is kept from its start on, and restores it as it was at any time since.

What is kept is what the data began with, and a link to each segment of the log that has been written.
"""

import io
import tarfile
import time
from datetime import UTC, datetime
from pathlib import Path

from cdp_constructs.local.containers.docker import DockerContainer
from cdp_constructs.local.services.rds import backups, sql

__all__ = ["since", "until"]

_SECONDS = 30.0
_POLL_SECONDS = 0.05
_SETTINGS = "postgresql.auto.conf"
_MARK = "# until the restore is done"
_RECOVERY = (
    "restore_command = 'cp archived/%f %p'",
    "recovery_target_action = 'promote'",
    # Nobody connects before, and reads what is to change still.
    "hot_standby = off",
    f"recovery_end_command = 'rm -rf archived; sed -i \"/{_MARK}/d\" postgresql.auto.conf'",
)


def _folder(server: DockerContainer) -> Path:
    return Path(server.container.spec.environment["CDP_ARCHIVE"])


def since(server: DockerContainer | None) -> datetime | None:
    """Return from when on a database can be restored; None when that is not known yet, or never will be."""
    try:
        return datetime.fromtimestamp(int((_folder(server) / "since").read_text()), UTC) if server else None
    except (OSError, ValueError):
        return None


def until(server: DockerContainer, moment: datetime) -> Path:
    """Return a file with the data that a server begins with to have what was there at a time.

    Args:
        server: The source, which runs.
        moment: A time since its first start, and before now.

    Raises:
        RuntimeError: the source does not answer, or its log could not be kept.
    """
    folder = _folder(server)
    # A commit after the time tells the end from a log that is not whole.
    *_, last = sql.ask(server, "select pg_current_xact_id()", "select pg_walfile_name(pg_switch_wal())")
    deadline = time.monotonic() + _SECONDS
    while not (folder / "wal" / last).exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"the log {last} was not kept in time")
        time.sleep(_POLL_SECONDS)
    lines = (*_RECOVERY, f"recovery_target_time = '{moment.isoformat()}'")
    file = backups.new()
    with tarfile.open(folder / "base") as base, tarfile.open(file, "w:gz", compresslevel=1) as archive:
        texts = {_SETTINGS: "".join(f"{line} {_MARK}\n" for line in lines), "recovery.signal": ""}
        for member in base:
            content = base.extractfile(member) if member.isreg() else None
            name = member.name.removeprefix("./")
            if name == _SETTINGS and content is not None:
                texts[name] = content.read().decode() + texts[name]
            elif name not in texts:
                archive.addfile(member, content)
        archive.add(folder / "wal", "./archived")
        for name, text in texts.items():
            described = tarfile.TarInfo(f"./{name}")
            described.size, described.mode = len(text.encode()), 0o600
            archive.addfile(described, io.BytesIO(text.encode()))
    return file
