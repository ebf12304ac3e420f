"""RDS: as much of the protocol of PostgreSQL as whoever stands before a server speaks.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import asyncio
import ssl
import struct
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cdp_constructs.local.containers.docker import DockerContainer
from cdp_constructs.local.containers.relay import Connection
from cdp_constructs.local.kit import ministack, tls

__all__ = ["Opening", "ask_for_password", "of_address", "of_server", "open_as", "opening", "refuse"]

_rds: Any = ministack.module("services.rds", "_ensure_pg_ca", "_pg_server_material")
_x509: Any = ministack.module("core.x509_utils", "sign_leaf_certificate")

_HEAD = struct.Struct("!II")
_LENGTH = struct.Struct("!I")
_TLS_REQUEST, _GSSAPI_REQUEST = 80877103, 80877104
_ASK_FOR_PASSWORD = b"R" + struct.pack("!II", 8, 3)
_PASSWORD = b"p"
_LONGEST = 70_000
_MOST_USERS = 256
_DAY = 86_400


@dataclass(frozen=True)
class Opening:
    """What a client begins with.

    Attributes:
        tls: Whether it speaks TLS.
        message: Its first message, or the beginning of it without TLS.
        user: The user whom it connects as; "" without TLS where the message was not read.
    """

    tls: bool
    message: bytes
    user: str


def of_address(address: str) -> ssl.SSLContext:
    """Return the TLS of an address, with a certificate of this cloud's CA of databases."""
    return tls.ending("".join(_rds._pg_server_material([], [address])))


def of_server(server: DockerContainer) -> ssl.SSLContext:
    """Return the TLS of a server itself, so that clients see its certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(server.container.home / "server.crt", server.container.home / "server.key")
    return made


async def opening(connection: Connection, context: ssl.SSLContext, *, plain: bool) -> Opening:
    """Read what a client begins with, and begin TLS when it asks for it.

    Args:
        connection: The connection.
        context: What TLS is ended with.
        plain: Whether the first message is read without TLS, too.
    """
    reader, writer = connection.reader, connection.writer
    first = await reader.readexactly(_HEAD.size)
    while _HEAD.unpack(first)[1] == _GSSAPI_REQUEST:
        writer.write(b"N")
        first = await reader.readexactly(_HEAD.size)
    length, code = _HEAD.unpack(first)
    if code == _TLS_REQUEST:
        writer.write(b"S")
        await writer.start_tls(context)
        message = await _read(reader)
        return Opening(True, message, _user_of(message))
    if not plain or not _HEAD.size <= length <= _LONGEST:
        return Opening(False, first, "")
    message = first + await reader.readexactly(length - _HEAD.size)
    return Opening(False, message, _user_of(message))


async def ask_for_password(connection: Connection) -> str | None:
    """Ask a client for its password, and return it; None when it sends something else."""
    connection.writer.write(_ASK_FOR_PASSWORD)
    if await connection.reader.readexactly(1) != _PASSWORD:
        return None
    return (await _read(connection.reader))[_LENGTH.size :].rstrip(b"\0").decode(errors="replace")


async def refuse(connection: Connection, message: str, code: str = "28000") -> None:
    """Send an error that ends the connection."""
    fields = {"S": "FATAL", "V": "FATAL", "C": code, "M": message}
    body = b"".join(name.encode() + text.encode() + b"\0" for name, text in fields.items()) + b"\0"
    connection.writer.write(b"E" + _LENGTH.pack(len(body) + _LENGTH.size) + body)
    await connection.writer.drain()
    connection.writer.close()
    await connection.writer.wait_closed()


async def open_as(connection: Connection, first: Opening, user: str | None) -> bool:
    """Begin TLS with the server, vouch for a user, and pass on what the client began with.

    Args:
        connection: The connection.
        first: What the client began with.
        user: Whom a certificate is for; None leaves it to the server to ask who it is.
    """
    # A key takes too long to make for the loop of all relays.
    made = await asyncio.to_thread(_vouching, _rds._ensure_pg_ca(), user, int(time.monotonic() // _DAY))
    connection.to_there.write(_HEAD.pack(_HEAD.size, _TLS_REQUEST))
    if await connection.there.readexactly(1) != b"S":
        return False
    await connection.to_there.start_tls(made)
    connection.to_there.write(first.message)
    return True


@lru_cache(_MOST_USERS)
def _vouching(authority: tuple[str, str], user: str | None, _day: int) -> ssl.SSLContext:
    """Return the TLS towards servers, with a certificate for a user; another one each day, long before it expires."""
    made = ssl.create_default_context(cadata=authority[0])
    made.check_hostname = False  # it is an address of this machine, and the certificate is of this cloud's CA
    if user is not None:
        certificate, key, _public = _x509.sign_leaf_certificate(*authority, common_name=user, key_type="ec256")
        tls.load(made, certificate + key)
    return made


def _user_of(startup: bytes) -> str:
    words = startup[_HEAD.size :].split(b"\0")
    return dict(zip(words[::2], words[1::2], strict=False)).get(b"user", b"").decode(errors="replace")


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Return the next message, from its length on."""
    head = await reader.readexactly(_LENGTH.size)
    length = _LENGTH.unpack(head)[0]
    if not _LENGTH.size <= length <= _LONGEST:
        raise ConnectionError("the message is too long")
    return head + await reader.readexactly(length - _LENGTH.size)
