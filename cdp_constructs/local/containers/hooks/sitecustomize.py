"""Gives a container its own network: its address, the names that its task knows, and what its security groups allow.

Python imports this module when it starts. A server that binds every address, or localhost, binds that of its task, so
that any number of tasks may listen on one port; containers of one task find each other on localhost, as on AWS. What is
allowed and what names mean is asked of the embedded cloud.
"""

import builtins
import functools
import io
import json
import os
import socket
import struct
from typing import Any

_ADDRESS = os.environ.get("CDP_TASK_ADDRESS", "")
_NETWORK = os.environ.get("CDP_TASK_NETWORK", "")
_GUARDED = "CDP_TASK_GUARDED" in os.environ
_GATEWAY = int(os.environ.get("GATEWAY_PORT", "0"))
_EVERY = frozenset({"", "0.0.0.0", "127.0.0.1", "localhost"})  # noqa: S104  # what is replaced
_EVERY_IPV6 = frozenset({"::", "::1"})
_BIND_ADDRESS_NO_PORT = 24
"""Linux's IP_BIND_ADDRESS_NO_PORT: a port is chosen when the other end is known."""
_SECONDS = 10.0


class _Socket:
    getaddrinfo = staticmethod(socket.getaddrinfo)
    gethostbyname = staticmethod(socket.gethostbyname)
    accept = socket.socket.accept
    bind = socket.socket.bind
    connect = socket.socket.connect
    connect_ex = socket.socket.connect_ex


def _ask(kind: str, **facts: Any) -> dict[str, Any]:
    """Ask the embedded cloud; without it, everything is allowed and no name is known."""
    if not _NETWORK:
        return {}
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_SECONDS)
            _Socket.connect(connection, _NETWORK)
            connection.sendall(json.dumps({"ask": kind, **facts}).encode() + b"\n")
            with connection.makefile("rb") as answered:
                answer: dict[str, Any] = json.loads(answered.readline())
                return answer
    except (OSError, ValueError):
        return {}


def _known(host: str) -> list[str]:
    """Return the addresses of a name that the embedded cloud knows, and any other name as it is."""
    if host in _EVERY or host in _EVERY_IPV6 or ":" in host or host.replace(".", "").isdigit():
        return [host]
    return _ask("resolve", name=host, **{"from": _ADDRESS}).get("addresses") or [host]


def _getaddrinfo(host: Any, port: Any, *options: Any, **named: Any) -> list[Any]:
    text = host.decode() if isinstance(host, bytes) else host
    if not isinstance(text, str):
        return _Socket.getaddrinfo(host, port, *options, **named)
    return [each for known in _known(text) for each in _Socket.getaddrinfo(known, port, *options, **named)]


def _gethostbyname(host: str) -> str:
    return _Socket.gethostbyname(_known(host)[0])


def _own(connection: socket.socket, address: Any) -> Any:
    if connection.family == socket.AF_INET and address[0] in _EVERY and address[1] != _GATEWAY:
        return (_ADDRESS, *address[1:])
    return address


def _bind(connection: socket.socket, address: Any) -> None:
    if connection.family == socket.AF_INET6 and address[0] in _EVERY_IPV6:
        # An IPv4 address in the form that a socket of IPv6 takes; it must accept both kinds for it.
        connection.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        address = (f"::ffff:{_ADDRESS}", *address[1:])
    _Socket.bind(connection, _own(connection, address))


def _allowed(connection: socket.socket, address: Any) -> Any:
    """Return where a connection leads.

    Raises:
        ConnectionRefusedError: no rule of the security groups allows it.
    """
    address = _own(connection, address)
    if connection.family != socket.AF_INET or connection.type != socket.SOCK_STREAM or address[1] == _GATEWAY:
        return address
    host = _Socket.gethostbyname(_known(address[0])[0])
    if host == _ADDRESS:
        return address
    answer = _ask("connect", **{"from": _ADDRESS}, to=[host, address[1]])
    if "refused" in answer:
        raise ConnectionRefusedError(111, f"refused by the embedded cloud: {answer['refused']}")
    host, port = answer.get("to") or (host, address[1])
    if host.startswith("127.") and connection.getsockname()[0] == "0.0.0.0":  # noqa: S104  # not bound yet
        connection.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
        _Socket.bind(connection, (_ADDRESS, 0))
    return host, port


def _connect(connection: socket.socket, address: Any) -> None:
    _Socket.connect(connection, _allowed(connection, address))


def _connect_ex(connection: socket.socket, address: Any) -> int:
    try:
        address = _allowed(connection, address)
    except OSError as error:
        return error.errno or 111
    return _Socket.connect_ex(connection, address)


def _accept(connection: socket.socket) -> tuple[socket.socket, Any]:
    while True:
        accepted, peer = _Socket.accept(connection)
        here = accepted.getsockname() if accepted.family in {socket.AF_INET, socket.AF_INET6} else ("", 0)
        address, host = here[0].removeprefix("::ffff:"), peer[0].removeprefix("::ffff:") if here[0] else ""
        if address != _ADDRESS or host == _ADDRESS:
            return accepted, peer
        if "refused" not in _ask("accept", at=[address, here[1]], **{"from": [host, peer[1]]}):
            return accepted, peer
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset, and not ended
        accepted.close()


# --- Volumes ----------------------------------------------------------------------------------------------------------

_FOLDERS: dict[str, str] = json.loads(os.environ.get("CDP_TASK_FOLDERS", "{}"))
_OWN_FOLDERS = tuple(f"{folder}/" for folder in json.loads(os.environ.get("CDP_TASK_OWN_FOLDERS", "[]")))
_PATHS = (
    *("access", "chdir", "chmod", "chown", "listdir", "lstat", "mkdir", "open", "readlink", "remove", "rmdir"),
    *("scandir", "stat", "statvfs", "truncate", "unlink", "utime"),
)
_PAIRS = ("link", "rename", "replace", "symlink")


def _located(path: Any) -> Any:
    """Return a path in a volume as it is on this machine."""
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else path
    if isinstance(text, str) and not text.startswith(_OWN_FOLDERS):
        for mounted, folder in _FOLDERS.items():
            if text == mounted or text.startswith(f"{mounted}/"):
                return folder + text[len(mounted) :]
    return path


def _mapped(original: Any, count: int) -> Any:
    @functools.wraps(original)
    def mapped(*paths: Any, **options: Any) -> Any:
        return original(*(_located(path) for path in paths[:count]), *paths[count:], **options)

    return mapped


if _FOLDERS:
    for _count, _names in ((1, _PATHS), (2, _PAIRS)):
        for _name in _names:
            setattr(os, _name, _mapped(getattr(os, _name), _count))
    builtins.open = io.open = _mapped(io.open, 1)

if _ADDRESS and _GUARDED:
    socket.socket.accept = _accept  # type: ignore[assignment, method-assign]
if _ADDRESS:
    socket.getaddrinfo = _getaddrinfo
    socket.gethostbyname = _gethostbyname
    socket.socket.bind = _bind  # type: ignore[assignment, method-assign]
    socket.socket.connect = _connect  # type: ignore[assignment, method-assign]
    socket.socket.connect_ex = _connect_ex  # type: ignore[assignment, method-assign]
