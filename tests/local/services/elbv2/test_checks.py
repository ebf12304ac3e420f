"""One health check: what a target answers, and that nothing ends the checks that come after it."""

import errno
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from cdp_constructs.local.services.elbv2.checks import passes

GROUP = {
    "HealthCheckPort": "traffic-port",
    "HealthCheckPath": "/health",
    "HealthCheckTimeoutSeconds": 2,
    "Matcher": {"HttpCode": "200"},
}


class Target(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Target) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize("protocol", ["HTTP", "TCP"])
def test_a_target_that_answers_passes(port: int, protocol: str) -> None:
    assert passes({**GROUP, "HealthCheckProtocol": protocol}, "127.0.0.1", port) == (True, "")


def test_another_status_and_nobody_there_do_not(port: int) -> None:
    group = {**GROUP, "HealthCheckProtocol": "HTTP"}
    assert passes({**group, "HealthCheckPath": "/"}, "127.0.0.1", port) == (False, "Target.ResponseCodeMismatch")
    assert passes(group, "127.0.0.2", port) == (False, "Target.FailedHealthChecks")


@pytest.mark.parametrize("protocol", ["HTTP", "TCP"])
def test_a_machine_without_sockets_has_a_target_that_fails(
    port: int, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", none)
    group = {**GROUP, "HealthCheckProtocol": protocol}
    assert passes(group, "127.0.0.1", port) == (False, "Target.FailedHealthChecks")
