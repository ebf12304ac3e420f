"""A stranger with an account and a room's id, at every route of the room, however the id is spelled."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.security.moves import seen, send
from tests.stacks.chat.clients import AWAY, HOME, Chat, Room, User

UPLOAD = {"name": "cat.jpg", "content_type": "image/jpeg", "size": 1000}
MESSAGE = "/rooms/{room}/messages/0198c5d2-0000-7000-8000-000000000000"
ONE_MESSAGE = [
    ("GET", MESSAGE, None),
    ("PUT", MESSAGE, {"client_change_id": "1", "text": "rewritten"}),
    ("DELETE", MESSAGE, None),
    ("PUT", f"{MESSAGE}/reaction", {"client_change_id": "1", "emoji": "👍"}),
    ("GET", "/rooms/{room}/messages?around=0198c5d2-0000-7000-8000-000000000000", None),
]
ROUTES = [
    ("GET", "/rooms/{room}", None),
    ("GET", "/rooms/{room}/messages", None),
    ("GET", "/rooms/{room}/messages?before=latest", None),
    ("POST", "/rooms/{room}/messages", {"client_message_id": "1", "text": "let me in"}),
    ("PUT", "/rooms/{room}/presence", {"typing": True}),
    ("DELETE", "/rooms/{room}/presence", None),
    ("PUT", "/rooms/{room}/read", {"cursor": ""}),
    ("POST", "/rooms/{room}/uploads", UPLOAD),
    ("GET", "/rooms/{room}/attachments", None),
    ("GET", "/rooms/{room}/attachments/0198c5d2-0000-7000-8000-000000000000", None),
    ("POST", "/rooms/{room}/members", {"invite_code": "guessed"}),
    *ONE_MESSAGE,
    ("GET", "/rooms/{room}/search?text=garden", None),
    ("DELETE", "/rooms/{room}/members/me", None),
]
LEAVE = ROUTES[-1]
# What a member gets: the attachment and the message are made up, and so is the code of the one who is in already.
MEMBER = {(method, path): 404 for method, path, _ in ONE_MESSAGE} | {
    ("GET", ROUTES[9][1]): 404,
    ("POST", ROUTES[10][1]): 404,
    ("POST", ROUTES[3][1]): 201,
}
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda room: room,
    "in other case": str.upper,
    "with a slash encoded": lambda room: f"{room}%2F",
    "with a letter encoded": lambda room: f"%{ord(room[0]):x}{room[1:]}",
    "encoded twice": lambda room: f"%25{ord(room[0]):x}{room[1:]}",
    "up and down": lambda room: f"x/../{room}",
    "up and down, encoded": lambda room: f"x%2F..%2F{room}",
    "with a dot": lambda room: f"./{room}",
    "after two slashes": lambda room: f"/{room}",
    "before two slashes": lambda room: f"{room}/",
    "before a fragment": lambda room: f"{room}%23",
    "before a question mark": lambda room: f"{room}%3F",
    "before a semicolon": lambda room: f"{room};x",
    "with a blank": lambda room: f"{room}%20",
    "with a line break": lambda room: f"{room}%0A",
    "with a null": lambda room: f"{room}%00",
    "as a key of the table": lambda room: f"ROOM%23{room}",
    "with a Region": lambda room: f"{room}%23ap-northeast-1",
    "with digits of another script": lambda room: room.replace("1", "%EF%BC%91") + "%EF%BC%91",
    "in braces": lambda room: f"%7B{room}%7D",
}


@pytest.fixture(scope="module")
def place(chat: Chat) -> Room:
    return Room(chat)


def ids(route: tuple[str, str, object]) -> str:
    return f"{route[0]} {route[1].replace('/rooms/{room}', '')[:24] or '/'}"


def test_a_member_does_all_of_it(room: Room) -> None:
    for method, path, body in ROUTES[:-1]:
        answer = send(room.chat, HOME, method, path.format(room=room.id), token=room.ben.token, body=body)
        assert answer.status_code == MEMBER.get((method, path), answer.status_code), path
        assert answer.status_code in {200, 201} or (method, path) in MEMBER, answer.text
    method, path, body = LEAVE
    assert send(room.chat, HOME, method, path.format(room=room.id), token=room.ben.token).status_code == 200


@pytest.mark.parametrize("route", ROUTES, ids=ids)
def test_a_stranger_changes_nothing_and_cannot_tell_that_there_is_a_room(
    place: Room, stranger: User, route: tuple[str, str, object]
) -> None:
    method, path, body = route
    before = seen(place.anna, HOME, place.id)
    nowhere = str(uuid4())
    for region in (HOME, AWAY):
        for name, spell in SPELLINGS.items():
            there, none = (
                send(place.chat, region, method, path.format(room=spell(room)), token=stranger.token, body=body)
                for room in (place.id, nowhere)
            )
            assert there.status_code == none.status_code, name
            # Leaving a room that one is not in is no error: it may be said twice.
            refused = {200, 400, 404, 405, 422} if route is LEAVE else {400, 404, 405, 422}
            assert there.status_code in refused, (name, there.status_code, there.text)
            # Spelled correctly, it is a room that is not there; in no spelling do two answers differ. (Leaving echoes.)
            assert name != "as it is" or there.status_code == (200 if route is LEAVE else 404)
            assert route is LEAVE or there.text == none.text, name
    assert seen(place.anna, HOME, place.id) == before
