"""The check that runs beside the server: it is well when the server says so, and only then."""

import asyncio
import socket
import threading

import httpx
import pytest
from pydantic import SecretStr

from stacks.dojo.app import application
from stacks.dojo.app.check import is_well
from stacks.dojo.app.settings import Credentials, Settings


@pytest.mark.parametrize(
    ("answer", "well"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n200", False),
        (b"HTTP/1.1 2000\r\n\r\n", False),
        (b"200\r\n", False),
        (b"", False),
    ],
)
def test_it_is_well_with_200_only(answer: bytes, *, well: bool) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(1000))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert is_well(server.getsockname()[1]) is well
        thread.join()
    assert asked[0].startswith(b"GET /health/deep HTTP/1.0\r\n")


def test_nobody_there_is_not_well() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not is_well(port)


def test_a_new_server_is_healthy_when_it_has_its_connections_or_has_waited_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nowhere = {
        "database_host": "127.0.0.1",
        "database_port": 9,
        "database_secret": Credentials(username="x", password="x"),
    }
    settings = Settings(**nowhere, session_key=SecretStr("k" * 40), database_patience=0.1)
    chat = application.application(settings)

    async def ask() -> list[int]:
        transport = httpx.ASGITransport(chat)
        async with (
            chat.router.lifespan_context(chat),
            httpx.AsyncClient(transport=transport, base_url="http://x") as client,
        ):
            first = await client.get("/health")
            monkeypatch.setattr(application, "_LONGEST_START", 0.0)
            return [first.status_code, *[(await client.get(path)).status_code for path in ("/health", "/health/deep")]]

    assert asyncio.run(ask()) == [503, 200, 503]
