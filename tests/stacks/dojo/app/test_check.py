"""The check that runs beside the server: it is well when the server says so, and only then."""

import socket
import threading

import pytest

from stacks.dojo.app.check import is_well


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
