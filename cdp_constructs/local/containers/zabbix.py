"""Zabbix: the server of Debian's package, which no wheel has, and the schema of its database."""

import shutil
from pathlib import Path

from cdp_constructs.local.containers import postgres

__all__ = ["MISSING", "programs"]

MISSING = (
    "containers of zabbix/zabbix-server-pgsql run with Debian's package: "
    "apt-get install --no-install-recommends zabbix-server-pgsql; and with the extra `servers`"
)
_PLACES = "/usr/sbin:/usr/local/sbin"
_FILES = Path("/usr/share/zabbix-server-pgsql")


def programs() -> dict[str, Path | None]:
    """Return where the server, the files of its package and the client of PostgreSQL are, by their variables.

    What is not installed is None; the client is part of the extra `servers`.
    """
    server = shutil.which("zabbix_server", path=_PLACES)
    return {
        "CDP_ZABBIX": Path(server) if server else None,
        "CDP_ZABBIX_FILES": _FILES if _FILES.is_dir() else None,
        "CDP_POSTGRES": postgres.programs(),
    }
