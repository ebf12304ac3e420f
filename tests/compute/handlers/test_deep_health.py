"""The function that asks for the deep health of a service: what counts as healthy, and what it writes."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from tests.handlers import import_handler, log_of

CONTEXT = SimpleNamespace(
    function_name="check", memory_limit_in_mb=256, invoked_function_arn="arn:aws:lambda:x", aws_request_id="1"
)


class Server(HTTPServer):
    """Answers with a status that a test chooses."""

    status = 200
    asked: list[str]


class Answer(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(b'{"failing": ["orders"]}' + b" " * 10_000)

    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Answer) as running:
        running.asked = []
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str) -> tuple[Any, int, str]:
    """Return the answer, the metric, and the log."""
    variables = {
        "AWS_LAMBDA_FUNCTION_NAME": "check",
        "POWERTOOLS_METRICS_NAMESPACE": "Test",
        "POWERTOOLS_SERVICE_NAME": "Function",
        "URL": url,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    module = import_handler("cdp_constructs.compute.handlers.deep_health")
    log = log_of(module, monkeypatch)
    answer = module.handler({}, CONTEXT)
    (metric,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert (metric["function_name"], metric["service"]) == ("check", "Function")
    return answer, int(metric["DeepHealthy"][0]), log.getvalue()


def test_200_is_healthy(server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{server.server_port}/health/deep"
    answer, healthy, _ = check(monkeypatch, capsys, url)
    assert (answer, healthy) == ({"healthy": True, "status": 200}, 1)
    assert server.asked == ["/health/deep"]


@pytest.mark.parametrize("status", [503, 404, 302, 204])
def test_anything_else_is_not_and_the_log_says_why(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    server.status = status
    url = f"http://127.0.0.1:{server.server_port}/health/deep"
    answer, healthy, written = check(monkeypatch, capsys, url)
    assert (answer["healthy"], healthy) == (False, 0)
    assert server.asked == ["/health/deep"]  # a redirect is not followed
    logged = [json.loads(line) for line in written.splitlines() if "deep health check failed" in line]
    assert [entry["status"] for entry in logged] == [status]
    assert all(len(entry["answer"]) <= 2048 for entry in logged)


def test_no_answer_is_not_healthy(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    port = server.server_port
    server.shutdown()
    server.server_close()
    answer, healthy, written = check(monkeypatch, capsys, f"http://127.0.0.1:{port}/health/deep")
    assert (answer, healthy) == ({"healthy": False, "status": 0}, 0)
    assert "refused" in written


def test_a_server_without_a_certificate_is_not_healthy(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer, healthy, written = check(monkeypatch, capsys, f"https://127.0.0.1:{server.server_port}/health/deep")
    assert (answer, healthy) == ({"healthy": False, "status": 0}, 0)
    assert "SSL" in written
