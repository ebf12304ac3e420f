"""How the server speaks HTTP: uvicorn's protocol on the parser of httptools, and what it lacks here."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["InOwnContext", "OneWrite", "OneWriteProtocol"]

_HEAD = b"HTTP/1.1 "


class OneWriteProtocol(HttpToolsProtocol):
    """Sends the head of a response together with the beginning of its body.

    Every system call lets go of Python's lock, and getting it back is what a server with many threads waits for.
    """

    def connection_made(self, transport: Any) -> None:
        """Begin a connection."""
        super().connection_made(OneWrite(transport, self.loop))  # type: ignore[arg-type]

    def handle_websocket_upgrade(self) -> None:
        """Go on with the connection as it is: frames of a WebSocket are written whole."""
        self.transport = getattr(self.transport, "plain", self.transport)
        super().handle_websocket_upgrade()


class OneWrite:
    """A transport that holds the head of a response until something else is written, or until there is time."""

    def __init__(self, plain: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.plain = plain
        self._loop = loop
        self._head = b""

    def write(self, data: bytes) -> None:
        """Write, or hold a head."""
        if not self._head and data.startswith(_HEAD):
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            head, self._head = self._head, b""
            self.plain.write(head + data)

    def close(self) -> None:
        """Write what is held and close the connection."""
        self._flush()
        self.plain.close()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self.plain.write(head)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)


class InOwnContext:
    """An application whose WebSockets start with no context variables; those of requests uvicorn resets."""

    def __init__(self, app: Callable[[Any, Any, Any], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request or a WebSocket."""
        if scope["type"] == "websocket":
            serving = self._app(scope, receive, send)
            await asyncio.get_running_loop().create_task(_awaited(serving), context=Context())
        else:
            await self._app(scope, receive, send)


async def _awaited(serving: Awaitable[None]) -> None:
    await serving
