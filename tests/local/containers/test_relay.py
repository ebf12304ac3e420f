"""Connections through a relay end on both sides, however one of them ends."""

import socket
import struct
from collections.abc import Iterator

import pytest

from cdp_constructs.local.containers.relay import Relay


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        yield listening


@pytest.fixture
def relay(server: socket.socket) -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    made = Relay(port)
    made.lead_to([server.getsockname()[:2]])
    yield made.address, port
    made.close()


def _accepted(server: socket.socket) -> socket.socket:
    connection, _ = server.accept()
    connection.settimeout(10)
    return connection


def test_bytes_and_the_end_of_one_direction_are_passed_on(server: socket.socket, relay: tuple[str, int]) -> None:
    with socket.create_connection(relay, timeout=10) as client, _accepted(server) as there:
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert there.recv(100) == b"question"
        assert there.recv(100) == b""
        there.sendall(b"answer")
        assert client.recv(100) == b"answer"


def test_a_server_is_told_of_a_client_that_died(server: socket.socket, relay: tuple[str, int]) -> None:
    with socket.create_connection(relay, timeout=10) as client:
        client.sendall(b"begin")
        with _accepted(server) as there:
            assert there.recv(100) == b"begin"
            # As the system does it for a process that is killed while something waits for it.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            try:
                assert there.recv(100) == b""
            except ConnectionResetError:
                return


def test_a_client_is_told_of_a_server_that_died(server: socket.socket, relay: tuple[str, int]) -> None:
    with socket.create_connection(relay, timeout=10) as client, _accepted(server) as there:
        client.sendall(b"begin")
        assert there.recv(100) == b"begin"
        there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        there.close()
        try:
            assert client.recv(100) == b""
        except ConnectionResetError:
            return
