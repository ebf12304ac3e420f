"""A client of AppSync Events for tests: it speaks the protocol that browsers speak, over a real WebSocket."""

import base64
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol


class RefusedError(Exception):
    """The connection was refused."""


class Client:
    """A connection, and what it authorizes its requests with."""

    def __init__(self, connection: ClientConnection, authorization: dict[str, str]) -> None:
        self.connection = connection
        self.authorization = authorization

    def receive(self, timeout: float = 20) -> dict[str, Any]:
        """The next frame that is no keep-alive."""
        while True:
            frame: dict[str, Any] = json.loads(self.connection.recv(timeout))
            if frame["type"] != "ka":
                return frame

    def ask(self, **frame: Any) -> dict[str, Any]:
        self.connection.send(json.dumps(frame))
        return self.receive()

    def subscribe(self, channel: str) -> dict[str, Any]:
        return self.ask(type="subscribe", id=uuid4().hex, channel=channel, authorization=self.authorization)

    def publish(self, channel: str, event: Any) -> dict[str, Any]:
        events = [json.dumps(event)]
        return self.ask(type="publish", id="1", channel=channel, events=events, authorization=self.authorization)

    def event(self) -> Any:
        frame = self.receive()
        assert frame["type"] == "data", frame
        return json.loads(frame["event"])


@contextmanager
def connected(endpoint: str, realtime: str, authorization: dict[str, str]) -> Iterator[Client]:
    """Connect to the API behind an endpoint of the embedded cloud.

    Args:
        endpoint: Where the embedded cloud listens; the names of its APIs do not resolve.
        realtime: The API's address, ``wss://…/event/realtime``.
        authorization: Headers that authorize the connection and its requests, ``host`` among them.
    """
    encoded = base64.urlsafe_b64encode(json.dumps(authorization).encode()).decode().rstrip("=")
    address, api = urlsplit(endpoint), urlsplit(realtime)
    with connect(
        f"ws://{api.netloc}{api.path}",
        sock=socket.create_connection((address.hostname, address.port)),
        subprotocols=[Subprotocol("aws-appsync-event-ws"), Subprotocol(f"header-{encoded}")],
    ) as connection:
        client = Client(connection, authorization)
        try:
            with suppress(ConnectionClosed):  # by a refusal that is there before this is sent
                connection.send(json.dumps({"type": "connection_init"}))
            answer = client.receive()
        except ConnectionClosed as closed:  # before its reason was read
            raise RefusedError(closed) from closed
        if answer["type"] != "connection_ack":
            raise RefusedError(answer)
        yield client
