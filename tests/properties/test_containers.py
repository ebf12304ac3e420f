"""Programs in containers, whatever people, queues, caches and databases give them: one item costs only itself."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self, cast
from uuid import UUID

import boto3
import psycopg
import pytest
from argon2 import PasswordHasher
from botocore.exceptions import ClientError
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette

from stacks.dojo.app import database, sessions
from stacks.dojo.app.application import application
from stacks.dojo.app.caches import CachedLatest
from stacks.dojo.app.fan_out import CacheFanOut
from stacks.dojo.app.intake import DatabaseIntake
from stacks.dojo.app.live import Hub
from stacks.dojo.app.mails import Mails
from stacks.dojo.app.model import Message, NewFile, Posting
from stacks.dojo.app.ports import Hint, RefusedError
from stacks.dojo.app.services import Services
from stacks.dojo.app.settings import Settings
from stacks.dojo.app.store import DatabaseStore
from stacks.dojo.app.worker import Worker
from tests.properties.aws import refusal, strict_json
from tests.properties.inputs import KEYS, TEXTS, UNREADABLE, examples, texts
from tests.properties.requests import PYTHON

ROOT = Path(__file__).parents[2]
ID = "9b2c4a44-6f0e-4a69-9f6a-4f6ad2f7f7c1"
AT = datetime(2026, 1, 2, tzinfo=UTC)
# By what is sent to it, where it is tested.
PROGRAMS = {
    "docs/examples/image_resizer": "a job of a queue, whose failure is the module's: tests/compute/layers",
    "docs/examples/shop_server": "a request of which it reads the path",
    "stacks/dojo/app": "here",
    "stacks/dojo/double_hawks/count": "a job that names no day: tests/stacks/dojo/double_hawks",
}


def test_every_program_in_a_container_is_listed() -> None:
    folders = (
        file.parent.relative_to(ROOT)
        for place in ("cdp_constructs", "docs", "stacks")
        for file in (ROOT / place).rglob("Dockerfile")
        if "node_modules" not in file.parts
    )
    assert {str(folder) for folder in folders} == set(PROGRAMS)


def _storable(*values: Any) -> None:
    """Refuse what PostgreSQL does not store in columns of text and JSON."""
    for value in values:
        text = value if isinstance(value, str) else json.dumps(value)
        text.encode()
        if "\0" in text or "\\u0000" in text:
            raise RefusedError("a NUL character")


class Kept(DatabaseStore):
    """What the chat keeps, without a database."""

    def __init__(self) -> None:
        super().__init__(cast("database.Database", None))
        self.__dict__["messages"] = []

    async def lasts(self, _rooms: Any) -> dict[str, int]:
        return {}

    async def last(self, room: str, *, reader: bool = False) -> int:  # noqa: ARG002
        _storable(room)
        return 1

    async def history(self, room: str, **_query: Any) -> list[Message]:
        return await self.since(room, 0)

    async def since(self, room: str, _number: int, _limit: int = 200) -> list[Message]:
        _storable(room)
        return [Message(room, 1, UUID(ID), "ann", "héllo", None, AT)]

    async def by_author(self, author: str, **_query: Any) -> list[Message]:
        return await self.since(author, 0)

    async def with_id(self, author: str, message_id: str) -> None:
        _storable(author, str(UUID(message_id)))

    async def attached(self, key: str) -> bool:
        _storable(key)
        return True

    async def register(self, name: str, password: str) -> bool:
        _storable(name, password)
        return True

    async def password(self, name: str) -> str | None:
        _storable(name)
        return None

    async def subscribe(self, name: str, subscription: dict[str, Any] | None) -> None:
        _storable(name, subscription)

    async def present(self, _server: str, people: Any) -> None:
        _storable(list(people))

    async def add(self, posting: Posting) -> Message:
        _storable(posting.room, posting.author, posting.text, posting.attachment)
        self.__dict__["messages"].append(posting.text)
        return Message(AT.isoformat(), 1, posting.id, posting.author, posting.text, posting.attachment, AT)


class _Files:
    async def form(self, _owner: str, file: NewFile) -> dict[str, Any]:
        if file.content_type != "image/jpeg":
            raise ValueError("such a file is not accepted")
        return {"key": "incoming/ann/a.jpg"}

    async def link(self, key: str) -> str | None:
        key.encode()
        return "https://files.example.com/a.jpg"

    async def of_owner(self, owner: str, limit: int) -> list[dict[str, Any]]:
        owner.encode()
        return [{"attachment": "accepted/ann/a.jpg"}] * min(limit, 1)


class _Quiet:
    """A fan-out that announces nothing."""

    async def announce(self, message: Message) -> None:
        """Do nothing."""

    async def hints(self) -> AsyncIterator[Hint | None]:
        yield None


SETTINGS = {
    "CHAT_DATABASE_HOST": "db.internal",
    "CHAT_DATABASE_SECRET": '{"username": "chat", "password": "p"}',
    "CHAT_SESSION_KEY": "k" * 32,
    "CHAT_BASE_URL": "https://chat.example.com",
}


class Program:
    """The application, which is asked as its server asks it; an exception that leaves it is the test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in SETTINGS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sessions, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        settings = Settings()
        services = Services(settings)
        store = Kept()
        mails = Mails(SimpleNamespace(send_email=lambda **_: {}), "chat@example.com", None)
        parts = {"store": store, "files": _Files(), "hub": Hub(store, _Quiet()), "mails": mails}
        services.__dict__.update(parts, intake=DatabaseIntake(store, _Quiet()))
        self.app: Starlette = application(settings)
        self.app.state.services = services
        self.app.state.opening = SimpleNamespace(done=lambda: True)
        self.token = asyncio.run(services.sessions.open("ann"))

    def call(
        self, method: str, path: str, body: bytes = b"", *, query: bytes = b"", headers: Any = (), **more: Any
    ) -> tuple[int, bytes]:
        """Return the status and the body of an answer."""
        authorization = (b"authorization", f"Bearer {self.token}".encode())
        sent: list[dict[str, Any]] = []
        incoming = [{"type": "http.request", "body": body}, {"type": "http.disconnect"}]

        async def receive() -> dict[str, Any]:
            return incoming.pop(0) if incoming else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": [authorization, *headers],
            "app": self.app,
            **more,
        }
        asyncio.run(cast("Coroutine[Any, Any, None]", self.app(scope, receive, send)))
        return sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:])

    def check(self, *asked: Any, **more: Any) -> None:
        """An answer is a success, or says what is wrong with the request."""
        status, body = self.call(*asked, **more)
        assert 200 <= status < 500, body
        assert not PYTHON.search(body.decode()), body
        if status >= 400:
            assert body
        if body[:1] in {b"{", b"["}:
            strict_json(body)

    def live(self, query: bytes, protocols: list[str], *said: dict[str, Any]) -> list[str]:
        """Return the types of what a WebSocket was sent."""
        sent: list[dict[str, Any]] = []
        incoming = [{"type": "websocket.connect"}, *said, {"type": "websocket.disconnect", "code": 1001}]

        async def receive() -> dict[str, Any]:
            return incoming.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "websocket",
            "path": "/live",
            "query_string": query,
            "headers": [],
            "subprotocols": protocols,
            "app": self.app,
        }
        asyncio.run(cast("Coroutine[Any, Any, None]", self.app(scope, receive, send)))
        return [each["type"] for each in sent]


@pytest.fixture(scope="module")
def program() -> Any:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Program(monkeypatch)


ACCOUNT = {"name": "ann", "password": "correct horse"}
REQUESTS = {
    "register": ("POST", "/people", ACCOUNT),
    "sign in": ("POST", "/sessions", ACCOUNT),
    "subscribe": (
        "PUT",
        "/push",
        {
            "endpoint": "https://fcm.googleapis.com/wp/a",
            "expirationTime": None,
            "keys": {"p256dh": "BPn", "auth": "a-_"},
        },
    ),
    "choose a device": ("PUT", "/device", {"kind": "phone"}),
    "be on a PC": ("PUT", "/device", {"kind": "pc", "mail": "ann@example.com"}),
    "form": ("POST", "/files", {"name": "a.jpg", "content_type": "image/jpeg", "size": 3}),
    "post": ("POST", "/rooms/one/messages", {"id": ID, "text": "@bob héllo", "attachment": "accepted/ann/a.jpg"}),
}
KNOWN = {
    "subscribe": [
        {"endpoint": f"https://fcm.googleapis.com/{text}", "keys": {"p256dh": key, "auth": "a"}}
        for text, key in (("\0", "B"), ("a", "\0"), ("[", "B"), ("\ud7ff", "B"), ("a\r\nb", "B"))
    ]
    + [{"endpoint": "https://[", "keys": {"p256dh": "B", "auth": "a"}}],
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_answered_whatever_its_body_is(program: Program, name: str) -> None:
    method, path, document = REQUESTS[name]
    assert 200 <= program.call(method, path, json.dumps(document).encode())[0] in {201, 202, 204} or name == "sign in"

    @examples(60)
    @given(body=texts(document))
    def holds(body: str) -> None:
        program.check(method, path, body.encode(errors="surrogatepass"))

    for body in (*UNREADABLE, *map(json.dumps, KNOWN.get(name, []))):
        holds = example(body=body)(holds)
    holds()
    for raw in (b"\xff\xfe{", b"\xef\xbb\xbf{}", b"{" * 30_000):
        program.check(method, path, raw)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://evil.example\\@fcm.googleapis.com/a",
        "https://evil.example#@fcm.googleapis.com/a",
        "https://evil.example?@fcm.googleapis.com/a",
        "https://fcm.googleapis.com@evil.example/a",
        "https://fcm.googleapis.com.evil.example/a",
        "https://evilfcm.googleapis.com/a",
        "https://fcm.googleapis.com:8443/a",
        "https://fcm.googleapis.com./a",
        "http://fcm.googleapis.com/a",
        "http://localhost:80/a",
        "https://[::1]/a",
    ],
)
def test_an_endpoint_that_parsers_read_differently_is_refused(program: Program, endpoint: str) -> None:
    """The client that sends reads an address otherwise than the check: it would ask a host that nobody allowed."""
    subscription = {"endpoint": endpoint, "keys": {"p256dh": "B", "auth": "a"}}
    status, body = program.call("PUT", "/push", json.dumps(subscription).encode())
    assert status == 400, body


def test_a_code_is_refused_whatever_it_is(program: Program) -> None:
    document = {"code": program.token}  # signed by the same key, and for something else
    assert program.call("PUT", "/device/code", json.dumps(document).encode())[0] == 400

    @examples(40)
    @given(body=texts(document))
    def holds(body: str) -> None:
        assert program.call("PUT", "/device/code", body.encode(errors="surrogatepass"))[0] in {400, 413}

    for body in UNREADABLE:
        holds = example(body=body)(holds)
    holds()


PATHS = ("/rooms/{}/messages", "/rooms/{}/page", "/rooms/{}/share", "/people/{}/messages", "/messages/{}", "/files/{}")


@pytest.mark.parametrize("path", PATHS)
def test_a_request_is_answered_whatever_its_path_is(program: Program, path: str) -> None:
    @examples(60)
    @given(name=st.text(max_size=70) | st.sampled_from(TEXTS), method=st.sampled_from(["GET", "GET", "PATCH", "HEAD"]))
    def holds(name: str, method: str) -> None:
        # A server decodes a path with replacement characters.
        program.check(method, path.format(name.encode(errors="replace").decode()))

    holds()


@examples(100)
@given(
    query=st.lists(
        st.tuples(
            st.sampled_from(["before", "limit", "at_least", "after", "room"]),
            st.sampled_from(["0", "-1", "1e3", "٣", "²", "9" * 19, "9" * 5000, "NaN", "%00", "%ff", *TEXTS])
            | st.text(max_size=9),
        ),
        max_size=3,
    )
)
def test_a_request_is_answered_whatever_it_asks_for(program: Program, query: list[tuple[str, str]]) -> None:
    text = "&".join(f"{name}={value}" for name, value in query).encode(errors="replace")
    program.check("GET", "/rooms/one/messages", query=text)
    program.check("GET", "/people/ann/messages", query=text)
    program.live(text, ["chat", program.token])


@pytest.mark.parametrize("name", [b"authorization", b"content-type", b"cookie", b"traceparent", b"content-length"])
def test_a_header_of_any_kind_is_answered(program: Program, name: bytes) -> None:
    values = (b"", b"Bearer", b"Bearer " + b"." * 2, b"Bearer a.b.c", b"bearer \xff\xfe", b"Basic YTpi", b"x" * 8000)
    for value in (*values, *(text.encode(errors="replace") for text in TEXTS)):
        program.check("GET", "/rooms/one/messages", headers=[(name, value)])
        program.check("POST", "/people", json.dumps(ACCOUNT).encode(), headers=[(name, value)])


@examples(60)
@given(
    room=st.sampled_from(["one", "", *KEYS]) | st.text(max_size=9),
    protocols=st.lists(st.sampled_from(["chat", "a.b.c", "", "\x00", "é"]), max_size=3),
    said=st.lists(
        st.builds(lambda text: {"type": "websocket.receive", "text": text}, st.text(max_size=9))
        | st.builds(lambda data: {"type": "websocket.receive", "bytes": data}, st.binary(max_size=9)),
        max_size=2,
    ),
)
def test_a_connection_ends_without_an_exception(
    program: Program, room: str, protocols: list[str], said: list[dict[str, Any]]
) -> None:
    query = f"room={room}&after=0".encode(errors="replace")
    assert program.live(query, protocols, *said)[:1] in (["websocket.close"], ["websocket.accept"])
    program.live(query, ["chat", program.token], *said)


# What SQS takes: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_REFUSED = re.compile("[^\x09\x0a\x0d\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LARGEST = 262_144


class _Queue:
    """A queue with a batch, and its dead-letter queue."""

    def __init__(self, *bodies: str) -> None:
        self.waiting = {
            str(number): {"MessageId": str(number), "ReceiptHandle": str(number), "Body": body}
            for number, body in enumerate(bodies)
        }
        self.dead: list[dict[str, Any]] = []

    def receive_message(self, **_request: Any) -> dict[str, Any]:
        return {"Messages": list(self.waiting.values())}

    def delete_message(self, *, ReceiptHandle: str, **_request: Any) -> None:  # noqa: N803
        del self.waiting[ReceiptHandle]

    def change_message_visibility(self, **_request: Any) -> None:
        raise AssertionError("nothing is given back while everything answers")

    def send_message(self, **request: Any) -> None:
        texts_of = [request["MessageBody"]]
        for name, value in request["MessageAttributes"].items():
            texts_of += [name, value["DataType"], value["StringValue"]]
        if not all(texts_of) or any(_REFUSED.search(text) for text in texts_of):
            raise refusal("InvalidMessageContents", "SendMessage")
        if sum(len(text.encode()) for text in texts_of) > _LARGEST:
            raise refusal("InvalidParameterValue", "SendMessage")
        self.dead.append(request)


POSTING = {"id": ID, "text": "bad", "attachment": None, "room": "one", "author": "ann"}


def _arrives(body: str) -> bool:
    """Whether a queue takes such a message, so that it can arrive."""
    return bool(body) and not _REFUSED.search(body) and len(body.encode(errors="replace")) <= _LARGEST


def _work(queue: _Queue, store: DatabaseStore) -> int:
    worker = Worker(store, _Quiet(), cast("Any", queue), "queue", "dead-letters")
    return asyncio.run(worker.step())


def test_a_message_of_the_queue_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    @examples(120)
    @given(body=texts(POSTING).filter(_arrives))
    def holds(body: str) -> None:
        caplog.clear()
        store = Kept()
        first, last = (json.dumps({**POSTING, "text": text}) for text in ("first", "last"))
        queue = _Queue(first, body, last)
        assert _work(queue, store) == 3
        assert queue.waiting == {}
        stored = store.__dict__["messages"]
        assert (stored[0], stored[-1]) == ("first", "last")
        assert len(stored) + len(queue.dead) == 3
        for record in caplog.records:
            assert "\n" not in record.getMessage()
        for dead in queue.dead:
            assert dead["MessageBody"] == body

    known = (
        json.dumps({**POSTING, "\x01": 1}),
        json.dumps({**POSTING, "a\r\nb": 1}),
        json.dumps({**POSTING, "k" * 5000: 1}),
        "x" * _LARGEST,
    )
    for body in (*filter(_arrives, UNREADABLE), *known):
        holds = example(body=body)(holds)
    holds()


class _RefusingDatabase:
    async def run(self, _work: Any) -> None:
        raise psycopg.errors.CharacterNotInRepertoire("no\nsuch")


class _Refusing(Kept):
    async def add(self, posting: Posting) -> Message:
        if posting.text == "bad":
            return await DatabaseStore(cast("database.Database", _RefusingDatabase())).add(posting)
        return await super().add(posting)


def test_a_message_that_the_database_refuses_is_a_dead_letter() -> None:
    store = _Refusing()
    queue = _Queue(*(json.dumps({**POSTING, "text": text}) for text in ("first", "bad", "last")))
    assert _work(queue, store) == 3
    assert store.__dict__["messages"] == ["first", "last"]
    assert [dead["MessageAttributes"]["reason"]["StringValue"] for dead in queue.dead] == [
        "CharacterNotInRepertoire: no?such"
    ]


class _Valkey:
    """A cache that holds whatever somebody wrote into it, and tells whatever somebody published."""

    def __init__(self, *values: bytes) -> None:
        self.values = values

    async def get(self, _key: str) -> bytes:
        return self.values[0]

    def pubsub(self, **_options: Any) -> "_Valkey":
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        return None

    async def subscribe(self, _channel: str) -> None:
        return None

    async def listen(self) -> AsyncIterator[dict[str, Any]]:
        for value in self.values:
            yield {"data": value}


def _hints(*payloads: bytes) -> list[Hint | None]:
    async def collect() -> list[Hint | None]:
        found: list[Hint | None] = []
        async for hint in CacheFanOut(cast("Any", _Valkey(*payloads))).hints():
            found.append(hint)
            if len(found) == len(payloads) + 1:
                break
        return found

    return asyncio.run(collect())


@examples(60)
@given(payload=texts({"room": "one", "number": 7}))
def test_a_hint_that_cannot_be_read_makes_servers_look(payload: str) -> None:
    healthy = b'{"room": "two", "number": 3}'
    assert _hints(healthy, payload.encode(errors="surrogatepass"), healthy)[1:4:2] == [Hint("two", 3)] * 2


@pytest.mark.parametrize("payload", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_is_no_hint_is_one_that_may_have_been_lost(payload: str) -> None:
    assert _hints(payload.encode(errors="surrogatepass")) == [None, None]


@examples(60)
@given(kept=texts([Message("one", 1, UUID(ID), "ann", "héllo", None, AT).as_json()]))
def test_messages_of_the_cache_that_cannot_be_read_are_not_kept(kept: str) -> None:
    found = asyncio.run(CachedLatest(cast("Any", _Valkey(kept.encode(errors="surrogatepass")))).get("one"))
    for message in found or ():
        assert set(message) == {"room", "number", "id", "author", "text", "attachment", "at"}
        assert isinstance(message["number"], int)


@examples(60)
@given(secret=texts({"username": "chat", "password": "p"}))
def test_a_secret_that_cannot_be_read_keeps_the_last_one_and_is_not_quoted(secret: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in {**SETTINGS, "CHAT_DATABASE_SECRET_ID": "id"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("CHAT_DATABASE_SECRET")
        asked: Callable[..., Any] = lambda **_: {"SecretString": secret}  # noqa: E731
        monkeypatch.setattr(boto3, "client", lambda _service: SimpleNamespace(get_secret_value=asked))

        async def read() -> Any:
            return await database.Database(Settings())._current()

        with suppress(psycopg.OperationalError):
            found = asyncio.run(read())
            assert isinstance(found.username, str)
            assert isinstance(found.password, str)


def test_a_secret_that_nobody_may_read_is_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetSecretValue")
    for name, value in {**SETTINGS, "CHAT_DATABASE_SECRET_ID": "id"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CHAT_DATABASE_SECRET")

    def denied(**_request: Any) -> None:
        raise error

    monkeypatch.setattr(boto3, "client", lambda _service: SimpleNamespace(get_secret_value=denied))

    async def read() -> Any:
        return await database.Database(Settings())._current()

    with pytest.raises(psycopg.OperationalError, match="the secret cannot be read"):
        asyncio.run(read())
