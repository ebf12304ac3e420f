"""The deep health check: whatever dependencies answer, the Region's answer is one that Route 53 and people can read."""

import io
import json
from http.client import HTTPConnection
from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.properties.aws import World, refusal
from tests.properties.events import http
from tests.properties.inputs import TEXTS, examples
from tests.properties.running import Run, Subject, running

WORDS = {"timeout", "throttled", "denied", "missing", "unreachable", "other"}
TABLE = {"name": "table", "kind": "table", "target": "orders", "hard": True, "key": {"pk": {"S": "health"}}}
SITE = {"name": "site", "kind": "http", "target": "http://partner.internal/health?a=1", "hard": True}


class Partner:
    """What the dependency that is asked by HTTP sends.

    Attributes:
        sent: Its bytes.
    """

    def __init__(self) -> None:
        self.sent = b""

    def makefile(self, *_: Any, **__: Any) -> io.BytesIO:
        return io.BytesIO(self.sent)

    def sendall(self, _: bytes) -> None:
        """Take what is asked."""

    def close(self) -> None:
        """Nothing is open."""


PARTNER = Partner()


def _connect(_module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HTTPConnection, "connect", lambda connection: setattr(connection, "sock", PARTNER))


def checks(answer: Any = None) -> Subject:
    """Return the check of a table and a partner."""
    return Subject(
        package="cdp_constructs.routing.handlers.deep_health_check",
        environment={
            "DEPENDENCY_0": json.dumps(TABLE),
            "DEPENDENCY_1": json.dumps(SITE),
            "TIME_BUDGET_MS": "5000",
            "CACHE_MS": "0",
            "SHALLOW_ROUTE": "GET /health/shallow",
        },
        world=lambda: World(answers={"dynamodb.GetItem": answer} if answer else {}),
        prepare=_connect,
    )


def ask(run: Run, event: Any) -> dict[str, Any]:
    """Ask for the Region's health; return what it says about dependencies."""
    answer = run.call(event)
    assert answer["statusCode"] in {200, 503}
    body = json.loads(answer["body"])
    assert (body["status"] == "failing") == (answer["statusCode"] == 503)
    assert not {"orders", "partner.internal"} & set(answer["body"].replace('"', " ").split())
    dependencies: dict[str, Any] = body.get("dependencies", {})
    for found in dependencies.values():
        assert set(found) <= {"status", "hard", "latency_ms", "error"}
        assert found.get("error", "other") in WORDS
    return dependencies


FINE = b"HTTP/1.1 204 No Content\r\n\r\n"
HEADERS = b"".join(b"a: b\r\n" for _ in range(300))


SENT = (
    b"",
    b"\xff\xfe\x00",
    b"HTTP/1.1 \xb2\xb9\xb2 fine\r\n\r\n",
    b"HTTP/1.1 999999999999999999999999 x\r\n\r\n",
    b"HTTP/1.1 -20 x\r\n\r\n",
    b"HTTP/1.1 200 " + b"x" * 100_000,
    b"HTTP/1.1 200 OK\r\n" + HEADERS + b"\r\n",
    b"HTTP/1.1 200 OK\r\na: " + b"x" * 100_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\ntransfer-encoding: \x00\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
    b"HTTP/9.9 200 OK\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nlocation: \r\n\r\n",
)


def test_a_partner_may_send_any_bytes() -> None:
    with running(checks()) as run:

        @examples(60)
        @given(sent=st.binary(max_size=64).map(lambda rest: b"HTTP/1.1 " + rest) | st.binary(max_size=64))
        def holds(sent: bytes) -> None:
            PARTNER.sent = sent
            found = ask(run, http(method="GET", path="/health", route="GET /health"))
            assert found["table"]["status"] == "ok"
            # A partner that sends something else is out of order, and this check is not.
            assert found["site"]["status"] in {"ok", "failing"}

        for sent in SENT:
            holds = example(sent=sent)(holds)
        holds()


@pytest.mark.parametrize("route", ["GET /health", "GET /health/shallow", "$default", "", "\ud800", None])
def test_a_request_of_any_kind_is_answered(route: str | None) -> None:
    PARTNER.sent = FINE
    with running(checks()) as run:
        for text in TEXTS:
            event = http(text, path=f"/{text}", headers={"x": text, text: "x"}, query={text: text}, encoded=True)
            ask(run, event | {"routeKey": route, "rawPath": text, "rawQueryString": text, "cookies": [text]})


# Services answer with text.
CODES = st.sampled_from(
    [
        *(text for text in TEXTS if text.isprintable() or text.isascii()),
        "AccessDeniedException",
        "ThrottlingException",
        "Throttling",
        "NotFound",
    ]
)


def test_an_error_of_any_kind_has_a_word() -> None:
    PARTNER.sent = FINE
    raised: list[Exception] = []

    def fail(_parameters: Any) -> Any:
        raise raised[-1]

    with running(checks(fail)) as run:

        @examples(40)
        @given(code=CODES, status=st.sampled_from([0, 200, 401, 404, 429, 500, 504, -1, 10**40]), text=CODES)
        def holds(code: str, status: int, text: str) -> None:
            error = refusal(code, "GetItem", f"orders {text}")
            error.response["ResponseMetadata"] = {"HTTPStatusCode": status}  # type: ignore[typeddict-item]
            raised.append(error)
            assert ask(run, http(method="GET"))["table"]["error"] in WORDS

        holds()
        for other in (ValueError("orders"), KeyError("orders"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")):
            raised.append(other)
            assert ask(run, http(method="GET"))["table"]["status"] == "unknown"
