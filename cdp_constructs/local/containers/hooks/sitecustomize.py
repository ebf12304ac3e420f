"""Gives a container its own network address: what it binds, and what it reaches as localhost, is its own.

Python imports this module when it starts. A server that binds every address, or localhost, binds that of its task, so
that any number of tasks may listen on one port; containers of one task find each other on localhost, as on AWS.
"""

import os
import socket
from typing import Any

_ADDRESS = os.environ.get("CDP_TASK_ADDRESS", "")
_GATEWAY = int(os.environ.get("GATEWAY_PORT", "0"))
_EVERY = frozenset({"", "0.0.0.0", "127.0.0.1", "localhost"})  # noqa: S104  # what is replaced
_EVERY_IPV6 = frozenset({"::", "::1"})


class _Socket:
    bind = socket.socket.bind
    connect = socket.socket.connect
    connect_ex = socket.socket.connect_ex


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


def _connect(connection: socket.socket, address: Any) -> None:
    _Socket.connect(connection, _own(connection, address))


def _connect_ex(connection: socket.socket, address: Any) -> int:
    return _Socket.connect_ex(connection, _own(connection, address))


if _ADDRESS:
    socket.socket.bind = _bind  # type: ignore[assignment, method-assign]
    socket.socket.connect = _connect  # type: ignore[assignment, method-assign]
    socket.socket.connect_ex = _connect_ex  # type: ignore[assignment, method-assign]
