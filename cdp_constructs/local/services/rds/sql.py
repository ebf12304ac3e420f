"""RDS: what the cloud itself asks of its PostgreSQL servers, over their local socket, as their master user."""

import subprocess
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from cdp_constructs.local.containers.docker import DockerContainer
from cdp_constructs.local.services.rds import servers

__all__ = ["SqlError", "ask", "identifier", "literal", "may_connect", "run", "server_of", "set_password"]

_SECONDS = 30.0


class SqlError(RuntimeError):
    """A statement that the server did not take, with its message, or a server that did not answer."""


def server_of(record: Mapping[str, Any]) -> DockerContainer | None:
    """Return the server of an instance, or of the writer of a cluster; None when none was started."""
    return servers.engine.find(record.get("_docker_container_id") or record.get("_shared_container_id"))


def literal(value: str) -> str:
    """Return a value as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def run(server: DockerContainer, command: Sequence[str], seconds: float = _SECONDS) -> str:
    """Run a command beside a server, and return its output.

    Raises:
        SqlError: the server does not run, or the command has failed or did not end in time.
    """
    try:
        if server.status != "running":
            raise SqlError("the database server does not run")
        code, output = server.container.run(command, seconds)
    except (OSError, subprocess.SubprocessError) as error:  # the server may end while it is asked
        raise SqlError(f"the database server did not answer: {error}") from error
    text = output.decode(errors="replace").strip()
    if code:
        raise SqlError(text)
    return text


def ask(server: DockerContainer, *statements: str, database: str = "postgres") -> list[str]:
    """Run statements and return the lines of their rows.

    They are handed over in a private file, since other users of the machine see the arguments of a process.

    Raises:
        SqlError: the server does not run, did not answer in time, or has refused a statement.
    """
    container = server.container
    file = container.home / f"{uuid.uuid4().hex}.sql"
    user = container.spec.environment["POSTGRES_USER"]
    options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", user, "-d", database, "-f", str(file)]
    try:
        servers.write(container, {file.name: ";\n".join(statements)})
        return run(server, ["psql", *options]).splitlines()
    except OSError as error:
        raise SqlError(f"the database server does not run: {error}") from error  # it was removed
    finally:
        file.unlink(missing_ok=True)


def set_password(server: DockerContainer, user: str, password: str) -> None:
    """Change the password of a user.

    Raises:
        SqlError: the server does not run, or there is no such user.
    """
    ask(server, f"alter role {identifier(user)} with password {literal(password)}")


def may_connect(server: DockerContainer, user: str, password: str) -> bool:
    """Whether a server takes the credentials of a user, over the network and with TLS."""
    container = server.container
    file = container.home / f"{uuid.uuid4().hex}.pass"
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    place = {"host": container.spec.address, "dbname": "postgres", "user": user, "passfile": str(file)}
    options = " ".join(f"{name}={_option(value)}" for name, value in {**place, "sslmode": "require"}.items())
    try:
        servers.write(container, {file.name: f"*:*:*:*:{escaped}\n"})
        run(server, ["psql", "-X", "-w", "-c", "", options])
    except (SqlError, OSError):
        return False
    else:
        return True
    finally:
        file.unlink(missing_ok=True)


def _option(value: str) -> str:
    """Return a value as connection strings of PostgreSQL have it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
