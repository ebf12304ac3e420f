"""A member who wants to change what others said: rewrite it, remove it, react in their names, or bring it back."""

import itertools
from typing import Any
from uuid import uuid4

from cdp_constructs.testing import eventually
from tests.security.moves import out_everywhere
from tests.stacks.chat.clients import AWAY, HOME, REGIONS, Room, User


def change(user: User, region: str, room: Room, message: str, **body: Any) -> int:
    """Edit with ``text``, react with ``emoji``, delete with neither; return the status."""
    path = f"/rooms/{room.id}/messages/{message}{'/reaction' if 'emoji' in body else ''}"
    if body:
        body = {"client_change_id": str(uuid4())} | body
    return user.call(region, "PUT" if body else "DELETE", path, body or None).status_code


def said(room: Room, user: User, text: str) -> dict[str, Any]:
    """A message that is known in both Regions."""
    message: dict[str, Any] = user.post(HOME, room.id, text).json()
    path = f"/rooms/{room.id}/messages/{message['id']}"
    for region in REGIONS:
        eventually(lambda region=region: room.anna.call(region, "GET", path).status_code == 200)
    return message


def test_nobody_rewrites_or_removes_what_somebody_else_said(room: Room) -> None:
    message = said(room, room.anna, "what I said")
    for region in REGIONS:
        assert change(room.anna, region, room, message["id"], emoji="👍") in {200, 201}
        assert change(room.ben, region, room, message["id"], text="what Ben wants") == 403
        assert change(room.ben, region, room, message["id"]) == 403
        for more in ({"author": room.anna.sub}, {"clock": 10**15}, {"sequence": 1}):
            assert change(room.ben, region, room, message["id"], emoji="🎉", **more) == 422
        (seen,) = room.ben.history(region, room.id)
        assert (seen["text"], set(seen.get("reactions", {}))) == ("what I said", {room.anna.sub})


def test_an_id_of_somebody_elses_change_is_an_id_of_ones_own(room: Room) -> None:
    message = said(room, room.anna, "hello")
    for user in (room.anna, room.ben):
        assert change(user, HOME, room, message["id"], emoji="👍", client_change_id="the-same") == 201
    (seen,) = room.ben.history(HOME, room.id)
    assert set(seen["reactions"]) == {room.anna.sub, room.ben.sub}


def test_what_was_deleted_is_not_brought_back_and_not_read_again(room: Room) -> None:
    message = said(room, room.ben, "a secret")
    # The creator of the room may remove it.
    assert change(room.anna, AWAY, room, message["id"]) == 201
    for region in REGIONS:
        eventually(lambda region=region: change(room.ben, region, room, message["id"], text="back") == 410)
        assert change(room.ben, region, room, message["id"], emoji="👍") == 410
        # The same client message again is the message that was deleted, without its text.
        again = room.ben.post(region, room.id, "a secret", message["client_message_id"])
        eventually(
            lambda region=region: room.ben.post(region, room.id, "x", message["client_message_id"]).json()["text"] == ""
        )
        assert again.json()["id"] == message["id"]
        path = f"/rooms/{room.id}/messages"
        quoting = {"client_message_id": str(uuid4()), "text": "you said", "answers": message["id"]}
        assert room.anna.call(region, "POST", path, quoting).status_code == 201
        pages = [room.ben.call(region, "GET", path, **query).text for query in ({}, {"before": "latest", "limit": 1})]
        assert all("a secret" not in page for page in pages)


def test_who_has_left_changes_nothing_that_they_said(room: Room) -> None:
    message = said(room, room.ben, "before I left")
    assert room.ben.call(HOME, "DELETE", f"/rooms/{room.id}/members/me").status_code == 200
    out_everywhere(room, room.ben)
    changes: list[dict[str, Any]] = [{"text": "after"}, {"emoji": "👍"}, {}]
    for region, body in itertools.product(REGIONS, changes):
        assert change(room.ben, region, room, message["id"], **body) == 404
        assert room.anna.history(region, room.id)[0] == message
