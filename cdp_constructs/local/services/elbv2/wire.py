"""Load balancers: connections that speak HTTP/1.1, and those whose bytes are passed on as they are."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

import h11

__all__ = ["Wire", "connected", "tunnel"]

_CHUNK = 65536


async def connected(
    own: socket.socket, address: str, port: int, secure: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect a socket, which is closed when that fails.

    Raises:
        OSError: nobody listens there, or TLS fails.
    """
    try:
        own.setblocking(False)
        await asyncio.get_running_loop().sock_connect(own, (address, port))
        return await asyncio.open_connection(sock=own, ssl=secure, server_hostname=address if secure else None)
    except BaseException:
        own.close()
        raise


class Wire:
    """A connection that speaks HTTP/1.1.

    Args:
        role: `h11.SERVER` towards clients, `h11.CLIENT` towards targets.
        reader: Where it is read from.
        writer: Where it is written to.
        most_headers: How many bytes the head of a message may have.

    Attributes:
        http: What is known of the messages that are under way.
        received: Bytes that came.
        sent: Bytes that were sent.
    """

    def __init__(
        self, role: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most_headers: int
    ) -> None:
        self.reader, self.writer = reader, writer
        self.http = h11.Connection(role, max_incomplete_event_size=most_headers)
        self.received = self.sent = 0

    async def receive(self) -> Any:
        """Return the next part of a message, or `h11.PAUSED` when the message is over."""
        while True:
            if self.http.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[]))
            event = self.http.next_event()
            if event is not h11.NEED_DATA:
                return event
            await self.read()

    async def read(self) -> bool:
        """Wait for more bytes, and return whether there are any: the other side may have gone."""
        data = await self.reader.read(_CHUNK)
        self.received += len(data)
        self.http.receive_data(data)
        return bool(data)

    async def send(self, event: Any) -> None:
        """Send a part of a message."""
        data = self.http.send(event)
        if data:
            self.writer.write(data)
            self.sent += len(data)
            await self.writer.drain()

    def left(self) -> bytes:
        """Return what came after the last message."""
        return bytes(self.http.trailing_data[0])

    def abort(self) -> None:
        """Close the connection at once."""
        self.writer.transport.abort()


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes, passed: Callable[[int], None]
) -> None:
    data = first or await reader.read(_CHUNK)
    while data:
        writer.write(data)
        await writer.drain()
        passed(len(data))
        data = await reader.read(_CHUNK)
    if writer.can_write_eof():
        writer.write_eof()
    else:  # TLS knows no end of one direction only
        writer.close()


async def tunnel(
    here: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    idle_seconds: float,
    first: tuple[bytes, bytes] = (b"", b""),
) -> tuple[int, int]:
    """Pass bytes on in both directions until both sides have ended, or none has sent any for a time.

    Args:
        here: The client.
        there: The target.
        idle_seconds: How long nothing may be sent.
        first: What each has sent already.

    Returns:
        How many bytes came from the client, and from the target.
    """
    counts = [0, 0]
    loop = asyncio.get_running_loop()

    def counted(index: int) -> Callable[[int], None]:
        def add(count: int) -> None:
            counts[index] += count
            idle.reschedule(loop.time() + idle_seconds)

        return add

    directions: list[asyncio.Task[None]] = []
    try:
        async with asyncio.timeout(idle_seconds) as idle:
            directions.append(loop.create_task(_pass_on(here[0], there[1], first[0], counted(0))))
            directions.append(loop.create_task(_pass_on(there[0], here[1], first[1], counted(1))))
            await asyncio.gather(*directions)
    except (OSError, TimeoutError):
        pass  # one side has gone, or both are silent: the connection is over
    finally:
        for direction in directions:
            direction.cancel()
    return counts[0], counts[1]
