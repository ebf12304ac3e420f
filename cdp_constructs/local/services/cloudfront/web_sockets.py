"""CloudFront: WebSockets of viewers pass to the origin, a load balancer or a WebSocket API of this cloud.

The handshake is a request like any other: behaviours, signatures, functions and web ACLs decide about it first.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/distribution-working-with.websockets.html
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.services.cloudfront.distributions import addressed
from cdp_constructs.local.services.elbv2.checks import without_check
from cdp_constructs.local.services.elbv2.listening import Listening

__all__ = ["SWITCHING", "Handshake", "ViewerWebSockets", "wanted"]

_cloudfront: Any = ministack.module(
    "services.cloudfront", "OriginTimeout", "OriginUnreachable", "_multidict_from_pairs"
)

SWITCHING = 101
_OF_HANDSHAKE = ("connection", "content-length", "host", "sec-websocket-", "transfer-encoding", "upgrade", "user-agent")
_ABNORMAL, _UNEXPECTED = 1006, 1011
"""The code of a connection that ended without one, which nobody may send, and what is sent instead."""

_Serve = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass
class Handshake:
    """A handshake of a viewer on its way to the origin.

    Attributes:
        serve: What serves the WebSocket when an origin has accepted it; the arguments are those of ASGI.
    """

    serve: _Serve | None = None

    async def with_listener(
        self, found: Listening, target: str, headers: Mapping[str, str], seconds: float
    ) -> tuple[int, str, Any, bytes]:
        """Ask a listener for a WebSocket; return what an origin answers.

        Args:
            found: The listener.
            target: Path and query.
            headers: Headers of the request to the origin, in lower case.
            seconds: How long it may take.

        Raises:
            OriginTimeout, OriginUnreachable: the origin did not answer.
        """
        secure, host = without_check() if found.tls else None, headers["host"]
        protocols = [each.strip() for each in headers.get("sec-websocket-protocol", "").split(",") if each.strip()]
        options: dict[str, Any] = {"ssl": secure, "server_hostname": host.partition(":")[0]} if secure else {}
        connecting = connect(
            f"{'wss' if secure else 'ws'}://{host}{target}",
            host=found.address[0],
            port=found.address[1],
            subprotocols=protocols or None,  # type: ignore[arg-type]  # a text is one
            additional_headers={k: v for k, v in headers.items() if not k.startswith(_OF_HANDSHAKE)},
            user_agent_header=headers.get("user-agent"),
            compression=None,
            open_timeout=seconds,
            ping_interval=None,
            max_size=None,
            proxy=None,
            **options,
        )
        try:
            connection = await connecting
        except InvalidStatus as refused:
            pairs = [(name.lower(), value) for name, value in refused.response.headers.raw_items()]
            answered = _cloudfront._multidict_from_pairs(pairs)
            return refused.response.status_code, "", answered, bytes(refused.response.body or b"")
        except TimeoutError as error:
            raise _cloudfront.OriginTimeout(f"no answer of {host} within {seconds} s") from error
        except (OSError, InvalidHandshake, EOFError) as error:
            raise _cloudfront.OriginUnreachable(str(error)) from error
        self.serve = _Passing(connection).serve
        return SWITCHING, "", _cloudfront._multidict_from_pairs([]), b""


_handshake: ContextVar[Handshake | None] = ContextVar("_handshake", default=None)


def wanted() -> Handshake | None:
    """Return the handshake that the request of the viewer is; None for any other request."""
    return _handshake.get()


class _Passing:
    """Passes the messages of a viewer to the origin, and those of the origin to the viewer."""

    def __init__(self, origin: ClientConnection) -> None:
        self._origin = origin

    async def serve(self, _scope: Any, receive: Any, send: Any) -> None:
        """Pass them on until one side closes."""
        await send({"type": "websocket.accept", "subprotocol": self._origin.subprotocol})
        async with self._until_one_ends(self._to_origin(receive), self._to_viewer(send)):
            pass

    @asynccontextmanager
    async def _until_one_ends(self, *ways: Any) -> AsyncIterator[None]:
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            yield
        finally:
            for task in tasks:
                task.cancel()
            await self._origin.close()

    async def _to_origin(self, receive: Any) -> None:
        try:
            while (message := await receive())["type"] == "websocket.receive":
                text = message.get("text")
                await self._origin.send(message["bytes"] if text is None else text)
            await self._origin.close(_sendable(message.get("code")), message.get("reason") or "")
        except ConnectionClosed:
            pass  # the viewer is told by the other way

    async def _to_viewer(self, send: Any) -> None:
        try:
            while True:
                data = await self._origin.recv()
                kind = "text" if isinstance(data, str) else "bytes"
                await send({"type": "websocket.send", kind: data})
        except ConnectionClosed:
            reason = self._origin.close_reason or ""
            await send({"type": "websocket.close", "code": _sendable(self._origin.close_code), "reason": reason})


def _sendable(code: int | None) -> int:
    # 1005 says that there was no code.
    return _UNEXPECTED if code in {None, _ABNORMAL} else 1000 if code == 1005 else int(code or 0)  # noqa: PLR2004


class ViewerWebSockets:
    """The gateway with WebSockets of distributions: an ASGI application around MiniStack's."""

    def __init__(self, app: _Serve) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a WebSocket of a distribution; anything else is the application's."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", ())}
        raw_path = (scope.get("raw_path") or scope.get("path", "").encode()).decode("latin-1")
        found = addressed(headers.get("host", ""), scope["path"], raw_path) if scope["type"] == "websocket" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        distribution, domain, path, raw = found
        await receive()  # that it wants to connect
        handshake = Handshake()
        token = _handshake.set(handshake)
        query = scope["query_string"].decode("latin-1")
        try:
            status, answered, body = await _cloudfront.handle_viewer_request(
                distribution,
                "GET",
                path,
                raw,
                query,
                {**headers, "host": domain},
                b"",
                parse_qs(query, keep_blank_values=True),
                scope["client"][0],
            )
        finally:
            _handshake.reset(token)
        if status == SWITCHING and handshake.serve is not None:
            await handshake.serve(scope, receive, send)
        else:
            await _refuse(send, status, answered, body)


async def _refuse(send: Any, status: int, answered: Mapping[str, Any], body: bytes) -> None:
    """Answer the handshake as any other request."""
    headers = [
        (name.lower().encode(), str(each).encode("latin-1"))
        for name, value in answered.items()
        for each in (value if isinstance(value, list) else [value])
        if name.lower() not in {"content-length", "transfer-encoding", "connection"}
    ]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
