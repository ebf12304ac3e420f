"""Addresses that stay while what answers there changes: connections are passed on to one of some servers.

What they carry is not looked at, unless a conversation is given that does; TLS is passed on too, or ended here for
servers that have none. When the servers
change, connections to those that are no longer among them are closed, so that clients connect anew and reach another.
"""

import asyncio
import contextlib
import itertools
import ssl
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeAlias

from cdp_constructs.local.containers import addresses
from cdp_constructs.local.kit.once import once

__all__ = ["Connection", "Relay"]

Server: TypeAlias = tuple[str, int]
_CHUNK = 65536


@dataclass(frozen=True)
class Connection:
    """A connection of a client, and the one to the server that answers it.

    Attributes:
        address: The address at which the client came.
        server: The server.
        reader: What the client sends.
        writer: What it gets.
        there: What the server sends.
        to_there: What it gets.
    """

    address: str
    server: Server
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    there: asyncio.StreamReader
    to_there: asyncio.StreamWriter

    async def pass_on(self) -> None:
        """Pass everything on in both directions, until both have ended or one end is lost."""
        # A client that died has not ended its direction: its server would keep what it holds for it, such as locks.
        with contextlib.suppress(OSError):
            await asyncio.gather(_pass_on(self.reader, self.to_there), _pass_on(self.there, self.writer))


@once
def _event_loop() -> asyncio.AbstractEventLoop:
    """Return the loop of all relays, which runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="relays", daemon=True).start()
    return loop


class Relay:
    """An address of its own, and the servers behind it.

    Args:
        port: The port at which it listens.
        tls: Gets the address and returns what TLS is ended with, for servers that have none; by default bytes are
            passed on as they are.
        admits: Says whether a client may connect, by its address and port; by default every one may.
        converse: Passes a connection on instead, for example once it knows who the client is.
        named: Whether servers see its address, and not that of every client of this machine.
    """

    def __init__(
        self,
        port: int,
        tls: Callable[[str], ssl.SSLContext] | None = None,
        admits: Callable[[str, int], bool] = lambda _address, _port: True,
        converse: Callable[[Connection], Awaitable[None]] = Connection.pass_on,
        *,
        named: bool = False,
    ) -> None:
        self.address = addresses.take()
        self._servers: tuple[Server, ...] = ()
        self._turn = itertools.count()
        self._admits = admits
        self._converse = converse
        self._source = (self.address, 0) if named else None
        self._open: dict[asyncio.StreamWriter, Server] = {}
        listening: Future[asyncio.Server] = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._accept, self.address, port, ssl=tls(self.address) if tls else None),
            _event_loop(),
        )
        self._listener = listening.result()

    def lead_to(self, servers: Sequence[Server]) -> None:
        """Pass new connections on to these servers, in turn, and close those to others."""
        self._servers = tuple(servers)
        _event_loop().call_soon_threadsafe(self._close_others)

    def close(self) -> None:
        """Stop listening, and close every connection."""
        self.lead_to(())
        _event_loop().call_soon_threadsafe(self._listener.close)
        addresses.give_back(self.address)

    def _close_others(self) -> None:
        for writer, server in list(self._open.items()):
            if server not in self._servers:
                writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Who it is may take a while to find out.
        admitted = await _event_loop().run_in_executor(None, self._admits, *writer.get_extra_info("peername")[:2])
        connected = await self._connect() if admitted else None
        if connected is None:
            writer.transport.abort()
            return
        server, there, to_there = connected
        self._open[writer] = self._open[to_there] = server
        try:
            await self._converse(Connection(self.address, server, reader, writer, there, to_there))
        finally:
            for each in (writer, to_there):
                self._open.pop(each, None)
                each.transport.abort()

    async def _connect(self) -> tuple[Server, asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Connect to the next server that accepts; None when none does."""
        servers, turn = self._servers, next(self._turn)
        for index in range(len(servers)):
            server = servers[(turn + index) % len(servers)]
            with contextlib.suppress(OSError):
                return server, *await asyncio.open_connection(*server, local_addr=self._source)
        return None


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
