"""The chat in two servers: messages in order and once, and who is refused."""

import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from cdp_constructs.testing import eventually
from stacks.dojo.app.application import application
from stacks.dojo.app.settings import Settings
from tests.stacks.dojo.app.chats import Chat, Server, end
from tests.stacks.dojo.app.stores import Keeping

pytestmark = pytest.mark.conformance
ID = "9b2c4a44-6f0e-4a69-9f6a-4f6ad2f7f7c1"
OPEN = {("GET", "/health"), ("GET", "/health/deep"), ("POST", "/people"), ("POST", "/sessions")}


def test_a_conversation(server: Server, room: str) -> None:
    ann, bob = server.person(), server.person()
    first = ann.send(room, "hello")
    assert (first.status_code, first.json()["state"], first.json()["number"]) == (201, "stored", 1)
    assert bob.send(room, "hi").json()["number"] == 2
    assert [(each["author"], each["text"]) for each in ann.history(room)] == [(ann.name, "hello"), (bob.name, "hi")]
    assert [each["number"] for each in ann.history(room, before=2)] == [1]
    assert [each["text"] for each in bob.http.get(f"/people/{ann.name}/messages").json()["messages"]] == ["hello"]


def test_the_same_message_again_is_one_message(server: Server, room: str) -> None:
    ann = server.person()
    message_id = str(uuid.uuid4())
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: ann.send(room, "once", message_id=message_id), range(5)))
    assert {(answer.status_code, answer.json()["number"]) for answer in answers} == {(201, 1)}
    assert ann.send(room, "next").json()["number"] == 2
    assert ann.http.get(f"/messages/{message_id}").json()["number"] == 1


def test_a_page_has_all_of_its_messages_however_long_they_are(server: Server, room: str) -> None:
    ann = server.person()
    text = "\U0001f600" * 4000
    with ThreadPoolExecutor(4) as pool:
        assert {answer.status_code for answer in pool.map(lambda _: ann.send(room, text), range(80))} == {201}
    assert [each["number"] for each in ann.history(room, limit=70)] == list(range(11, 81))
    assert len(ann.http.get(f"/people/{ann.name}/messages?limit=70").json()["messages"]) == 70
    assert ann.history(room, limit=0) == ann.history(room, before=0) == ann.history(room, before=1) == []


def test_a_message_that_mentions_everybody_is_stored(chat: Chat, outputs: dict[str, str], room: str) -> None:
    server = chat.server(notices="topic", notice_topic=outputs["Topic"])
    ann = server.person()
    assert ann.send(room, " ".join(f"@p{number}" for number in range(500))).status_code == 201


def test_what_is_sent_at_one_server_is_live_at_another(chat: Chat, server: Server, room: str) -> None:
    ann = server.person()
    bob = ann.at(chat.server())
    ann.send(room, "before")
    with bob.listening(room, after=0) as early, bob.listening(room) as late, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: ann.send(room, f"text {number}"), range(20)))
        for connection, begin in ((early, 1), (late, 2)):
            numbers = [json.loads(connection.recv(timeout=10))["number"] for _ in range(22 - begin)]
            assert numbers == list(range(begin, 22))


def test_a_listener_finds_what_was_not_announced(server: Server, room: str, keeping: Keeping) -> None:
    ann = server.person()
    ann.send(room, "first")
    with ann.listening(room) as connection:
        # As when a hint is lost: stored without a notification.
        keeping.store_silently(room, 2, "silent")
        assert json.loads(connection.recv(timeout=15))["text"] == "silent"


def test_every_route_asks_who_it_is(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "x", "SECRET": '{"username": "x", "password": "y"}'}.items():
        monkeypatch.setenv(f"CHAT_DATABASE_{name}", value)
    monkeypatch.setenv("CHAT_SESSION_KEY", "k" * 32)
    person = server.person()
    asked = 0
    for route in application(Settings()).routes:
        for method in getattr(route, "methods", None) or ():
            if method == "HEAD" or (method, route.path) in OPEN:
                continue
            path = re.sub(r"\{\w+(:\w+)?\}", lambda name: ID if name[1] == ":uuid" else "r", route.path)
            for token in ("", "Bearer", "Bearer nonsense", f"Basic {person.token}"):
                answer = person.http.request(method, path, headers={"Authorization": token})
                assert answer.status_code == 401, (method, path, token)
                asked += 1
    assert asked >= 36


@pytest.mark.parametrize("token", ["nonsense", "chat"])
def test_a_listener_without_a_session_is_refused(server: Server, token: str) -> None:
    with pytest.raises((ConnectionClosed, InvalidStatus)) as refused:  # noqa: SIM117 - the second is what is refused
        with connect(f"{server.live_url}?room=r", subprotocols=[token]) as connection:  # type: ignore[list-item]
            connection.recv(timeout=5)
    assert "403" in str(refused.value) or "4401" in str(refused.value)


def test_a_wrong_password_is_refused(server: Server) -> None:
    ann = server.person()
    for name in (ann.name, "nobody-at-all"):
        answer = ann.http.post("/sessions", json={"name": name, "password": "not the password"})
        assert answer.status_code == 401
    assert ann.http.post("/people", json={"name": ann.name, "password": "another one"}).status_code == 409


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[" * 20_000,
        b'{"id": NaN, "text": "x"}',
        json.dumps({"id": ID, "text": "a\0b"}).encode(),
        b'{"id": "' + ID.encode() + b'", "text": "\\ud800"}',
        b'{"id": ' + b"9" * 5000 + b', "text": "x"}',
        b" " * 30_000,
        json.dumps({"id": ID, "text": "x", "attachment": "accepted/somebody-else/f"}).encode(),
        json.dumps({"id": ID, "text": "x", "attachment": "../secret"}).encode(),
    ],
    ids=range(10),
)
def test_what_is_no_message_is_refused(server: Server, room: str, body: bytes) -> None:
    ann = server.person()
    answer = ann.http.post(f"/rooms/{room}/messages", content=body)
    assert answer.status_code in {400, 413}
    assert answer.json()["error"]
    assert ann.history(room) == []


@pytest.mark.parametrize(
    "path",
    [
        "/rooms/a%2Fb/messages",
        "/rooms/%FF/messages",
        "/rooms/a%00/messages",
        "/rooms/r/messages?limit=101",
        "/rooms/r/messages?before=-1",
        "/rooms/r/messages?before=" + "9" * 5000,
        "/rooms/r/messages?at_least=%D9%A3",
        "/people/%0D%0A/messages",
        "/messages/1",
        "/files?limit=5",  # without an index of files
        "/files/accepted/somebody/f%00",
        "/files/..%2F..%2Fetc%2Fpasswd",
    ],
)
def test_odd_paths_are_refused(server: Server, path: str) -> None:
    assert server.person().http.get(path).status_code in {400, 404}


def test_push_goes_to_push_services_only(server: Server) -> None:
    ann = server.person()
    keys = {"p256dh": "k", "auth": "a"}
    wrong = (
        "https://127.0.0.1/",
        "http://fcm.googleapis.com/x",
        "https://fcm.googleapis.com.example.com/x",
        # Only where the settings name it.
        "http://localhost:4566/x",
    )
    for endpoint in wrong:
        assert ann.http.put("/push", json={"endpoint": endpoint, "keys": keys}).status_code == 400
    assert ann.http.put("/push", json={"endpoint": "https://fcm.googleapis.com/x", "keys": keys}).status_code == 204


def test_a_page_shows_text_as_text(chat: Chat, server: Server, room: str) -> None:
    ann = server.person()
    ann.send(room, "<script>alert(1)</script>")
    private = ann.http.get(f"/rooms/{room}/page")
    assert "&lt;script&gt;" in private.text
    assert private.headers["cache-control"] == "private, no-store"
    public = ann.at(chat.server(public_rooms=True)).http.get(f"/rooms/{room}/page", headers={"Authorization": ""})
    assert public.status_code == 200
    assert "s-maxage=1" in public.headers["cache-control"]


def test_a_server_that_stops_ends_requests_and_says_so_to_listeners(chat: Chat, room: str) -> None:
    server = chat.server()
    ann = server.person()
    with ann.listening(room) as connection, ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ann.send, room, f"text {number}") for number in range(8)]
        eventually(lambda: any(answer.done() for answer in answers))
        assert end(server.process) == 0
        with pytest.raises(ConnectionClosed) as closed:
            _read_on(connection)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    done = [answer.result() for answer in answers if answer.exception() is None]
    assert {answer.status_code for answer in done} == {201}
    again = ann.at(chat.server())
    assert {answer.json()["number"] for answer in done} <= {message["number"] for message in again.history(room)}


def _read_on(connection: ClientConnection) -> None:
    while True:
        connection.recv(timeout=10)
