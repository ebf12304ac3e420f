"""Responses are written whole, and WebSockets start with no context variables."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from cdp_constructs.local.process.protocol import InOwnContext, OneWrite

_REGION: ContextVar[str] = ContextVar("region", default="none")


def _seen(kind: str) -> list[str]:
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(_REGION.get())
        await asyncio.sleep(0)
        if scope.get("fails"):
            raise ValueError("refused")

    async def serve() -> None:
        _REGION.set("of another request")
        await InOwnContext(app)({"type": kind}, None, None)
        with pytest.raises(ValueError, match="refused"):
            await InOwnContext(app)({"type": kind, "fails": True}, None, None)

    asyncio.run(serve())
    return seen


def test_a_websocket_sees_nothing_of_another_request() -> None:
    assert _seen("websocket") == ["none", "none"]


def test_the_start_of_the_server_keeps_what_was_set() -> None:
    assert _seen("lifespan") == ["of another request"] * 2


_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


class _Written:
    """A transport that remembers what is written."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.writes.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def _writes(write: Callable[[OneWrite], None]) -> list[bytes]:
    plain = _Written()

    async def serve() -> None:
        write(OneWrite(plain, asyncio.get_running_loop()))  # type: ignore[arg-type]
        await asyncio.sleep(0)

    asyncio.run(serve())
    return plain.writes


def test_head_and_body_are_one_write() -> None:
    def answer(transport: OneWrite) -> None:
        for _ in range(2):
            transport.write(_HEAD)
            transport.write(b"body")
        transport.write(b"more")
        assert not transport.is_closing()

    assert _writes(answer) == [_HEAD + b"body", _HEAD + b"body", b"more"]


def test_a_head_does_not_wait_for_its_body() -> None:
    assert _writes(lambda transport: transport.write(_HEAD)) == [_HEAD]


def test_a_head_without_a_body_is_written_before_the_connection_is_closed() -> None:
    def refuse(transport: OneWrite) -> None:
        transport.write(_HEAD)
        transport.close()
        assert transport.is_closing()

    assert _writes(refuse) == [_HEAD]
