"""What anybody with an account may send: fields that are not theirs to set, cursors, bodies and names out of bounds."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.security.moves import seen, send
from tests.stacks.chat.clients import AWAY, HOME, REGIONS, Chat, Room

MESSAGE = {"client_message_id": "1", "text": "hello"}
NOTICES = {"mail": False, "push": False, "quiet_minutes": 5, "language": "en"}
UPLOAD = {"name": "cat.jpg", "content_type": "image/jpeg", "size": 1000}


@pytest.fixture(scope="module")
def place(chat: Chat) -> Room:
    return Room(chat)


@pytest.mark.parametrize(
    ("method", "path", "body", "field", "value"),
    [
        ("POST", "/rooms/{room}/messages", MESSAGE, "author", "somebody"),
        ("POST", "/rooms/{room}/messages", MESSAGE, "sequence", 7),
        ("POST", "/rooms/{room}/messages", MESSAGE, "clock", 1),
        ("POST", "/rooms/{room}/messages", MESSAGE, "region", AWAY),
        ("POST", "/rooms/{room}/messages", MESSAGE, "id", "0"),
        ("POST", "/rooms/{room}/messages", MESSAGE, "room", "other"),
        ("POST", "/rooms/{room}/messages", MESSAGE, "posted_at", "2000-01-01T00:00:00Z"),
        ("POST", "/rooms/{room}/uploads", UPLOAD, "metadata", {"room": "other"}),
        ("POST", "/rooms/{room}/uploads", UPLOAD, "owner", "somebody"),
        ("PUT", "/me/notifications", NOTICES, "address", "victim@example.com"),
        ("PUT", "/me/notifications", NOTICES, "mail_off", None),
        ("PUT", "/rooms/{room}/presence", {"typing": False}, "user", "somebody"),
        ("PUT", "/rooms/{room}/read", {"cursor": ""}, "user", "somebody"),
        ("POST", "/session", {"name": "Anna"}, "user", "somebody"),
        ("POST", "/rooms", {"name": "Mine"}, "invite_code", "chosen"),
        ("POST", "/rooms", {"name": "Mine"}, "created_by", "somebody"),
        ("POST", "/rooms", {"name": "Mine"}, "room", "chosen"),
    ],
)
def test_a_field_that_only_the_chat_sets_is_refused(
    place: Room, method: str, path: str, body: dict[str, Any], field: str, value: object
) -> None:
    if field != "client_message_id" and "text" in body:
        body = {**body, "client_message_id": str(uuid4())}
    path, token = path.format(room=place.id), place.anna.token
    before = seen(place.anna, HOME, place.id)
    answer = send(place.chat, HOME, method, path, token=token, body={**body, field: value})
    assert answer.status_code == 422, answer.text
    assert field in answer.json()["message"]
    assert seen(place.anna, HOME, place.id) == before
    assert send(place.chat, HOME, method, path, token=token, body=body).status_code in {200, 201}


BAD_CURSORS = {
    "of a Region that is none": "eu-north-9:1",
    "negative": f"{HOME}:-1",
    "with a fraction": f"{HOME}:1.5",
    "with an exponent": f"{HOME}:1e9",
    "of Arabic digits": f"{HOME}:\u0661",
    "with a sign": f"{HOME}:+1",
    "twice the same": f"{HOME}:1,{HOME}:2",
    "no number": f"{HOME}:x",
    "a key of the table": "MESSAGE#000000000001",
    "of 2,000 characters": f"{HOME}:" + "1" * 2000,
    "with a null": f"{HOME}:1\x00",
    "json": '{"pk": {"S": "ROOM#other"}}',
}


@pytest.mark.parametrize("name", BAD_CURSORS)
def test_a_cursor_that_was_made_up_is_refused_or_harmless(place: Room, name: str) -> None:
    cursor = BAD_CURSORS[name]
    posted = place.anna.post(HOME, place.id, "for cursors").json()
    end = place.anna.call(HOME, "GET", f"/rooms/{place.id}/messages", limit=100).json()["cursor"]
    for query in ("after", "before"):
        path = f"/rooms/{place.id}/messages"
        answer = place.anna.call(HOME, "GET", path, limit=100, **{query: cursor})
        assert answer.status_code in {200, 400, 422}, answer.text
        if answer.status_code == 200:  # nothing of another room, whatever it means
            assert {message["room"] for message in answer.json()["messages"]} <= {place.id}
        assert place.anna.call(HOME, "GET", path, **{query: end}).status_code == 200
    marked = place.ben.call(HOME, "PUT", f"/rooms/{place.id}/read", {"cursor": cursor})
    assert marked.status_code in {200, 400, 422}, marked.text
    assert posted in place.ben.history(HOME, place.id)
    # It hides nothing that comes later.
    place.anna.post(HOME, place.id, "after the cursor")
    (listed,) = place.ben.call(HOME, "GET", "/rooms").json()["rooms"]
    assert listed["unread"] >= 1


def test_a_marker_cannot_jump_over_what_is_still_to_come(room: Room) -> None:
    far = ",".join(f"{region}:999999999999" for region in REGIONS)
    assert room.ben.call(HOME, "PUT", f"/rooms/{room.id}/read", {"cursor": far}).json() == {"unread": 0}
    assert room.anna.post(HOME, room.id, "after the jump").status_code == 201
    (listed,) = room.ben.call(HOME, "GET", "/rooms").json()["rooms"]
    assert listed["unread"] == 1


def message(**changes: object) -> bytes:
    return json.dumps({**MESSAGE, "client_message_id": str(uuid4()), **changes}).encode()


BAD_BODIES: dict[str, Callable[[], bytes]] = {
    "of 5 MB": lambda: message(text="x" * 5_000_000),
    "empty": lambda: b"",
    "no JSON": lambda: b"{",
    "a list": lambda: b"[1, 2]",
    "a text": lambda: b'"hello"',
    "half a surrogate": lambda: b'{"client_message_id": "1", "text": "\\ud800"}',
    "an id with a line break": lambda: message(client_message_id="a\nb"),
    "an id with a line break at its end": lambda: message(client_message_id="a\n"),
    "an id with a number sign": lambda: message(client_message_id="a#b"),
    "an id of 65 characters": lambda: message(client_message_id="a" * 65),
    "an attachment that is a path": lambda: message(attachments=["../../other"]),
    "eleven attachments": lambda: message(attachments=[str(uuid4())] * 11),
    "a text that is a number": lambda: message(text=7),
    "a text that is an object": lambda: message(text={"S": "x"}),
    "blanks only": lambda: message(text=" \u3000\n"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_body_out_of_bounds_is_the_callers_mistake(place: Room, name: str) -> None:
    path = f"/rooms/{place.id}/messages"
    before = seen(place.anna, AWAY, place.id)
    answer = send(place.chat, AWAY, "POST", path, token=place.anna.token, body=BAD_BODIES[name]())
    assert answer.status_code in {400, 413, 422}, answer.text[:300]
    assert seen(place.anna, AWAY, place.id) == before
    assert send(place.chat, AWAY, "POST", path, token=place.anna.token, body=message()).status_code == 201


@pytest.mark.parametrize(
    "query", ["limit=5&limit=500", "limit=0", "limit=-1", "limit=101", "limit=%D9%A1x", "limit=1e9"]
)
def test_a_parameter_out_of_bounds_is_the_callers_mistake(place: Room, query: str) -> None:
    for path in ("/rooms", f"/rooms/{place.id}/messages", f"/rooms/{place.id}/attachments"):
        assert send(place.chat, HOME, "GET", f"{path}?limit=100", token=place.anna.token).status_code == 200
        assert send(place.chat, HOME, "GET", f"{path}?{query}", token=place.anna.token).status_code == 422
