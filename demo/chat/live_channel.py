"""The connection to a Region's live API, as AppSync Events defines it."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol


class LostError(Exception):
    """The Region does not serve at the moment; another one may."""


class RefusedError(Exception):
    """The request is refused; trying again would not help."""


class Live:
    """A connection to a Region's live API with a subscription."""

    def __init__(self, socket: ClientConnection, authorization: Mapping[str, str]) -> None:
        """Speak over a connection that was acknowledged."""
        self._socket = socket
        self._authorization = authorization

    async def subscribe(self, channel: str) -> None:
        """Subscribe to a channel.

        Raises:
            RefusedError: when the user may not.
        """
        request = {"type": "subscribe", "id": uuid4().hex, "channel": channel, "authorization": self._authorization}
        await self._socket.send(json.dumps(request))
        answer = await self._next()
        if answer["type"] != "subscribe_success":
            raise RefusedError(f"subscription to {channel}: {answer}")

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Yield events until the connection ends."""
        while True:
            frame = await self._next()
            if frame["type"] == "data":
                yield json.loads(frame["event"])

    async def _next(self) -> dict[str, Any]:
        while True:
            frame: dict[str, Any] = json.loads(await self._socket.recv())
            if frame["type"] != "ka":
                return frame


@contextlib.asynccontextmanager
async def connected(endpoint: str, realtime: Mapping[str, str], token: str) -> AsyncIterator[Live]:
    """Connect to the live API that a session named.

    Args:
        endpoint: Where the embedded cloud listens; the names of its APIs do not resolve.
        realtime: ``realtime`` of the session's answer.
        token: Access token.

    Raises:
        LostError: when the API cannot be reached or ends the connection.
    """
    authorization = {"host": urlsplit(realtime["http"]).netloc, "Authorization": token}
    encoded = base64.urlsafe_b64encode(json.dumps(authorization).encode()).decode().rstrip("=")
    address, api = urlsplit(endpoint), urlsplit(realtime["websocket"])
    try:
        async with connect(
            f"ws://{api.netloc}{api.path}",
            host=address.hostname,
            port=address.port,
            proxy=None,
            subprotocols=[Subprotocol("aws-appsync-event-ws"), Subprotocol(f"header-{encoded}")],
        ) as socket:
            await socket.send(json.dumps({"type": "connection_init"}))
            answer = json.loads(await socket.recv())
            if answer["type"] != "connection_ack":
                raise RefusedError(f"connection: {answer}")
            yield Live(socket, authorization)
    except (OSError, TimeoutError, WebSocketException) as lost:
        raise LostError(str(lost)) from lost
