"""A member who leaves: what he asks for at that moment, and afterwards."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx

from cdp_constructs.testing import eventually
from tests.security.moves import seen
from tests.stacks.chat.clients import AWAY, HOME, REGIONS, Room, live

AT_ONCE = 24
ROUNDS = 4


def test_who_asks_while_leaving_is_out_all_the_same(room: Room) -> None:
    former, path = room.ben, f"/rooms/{room.id}"
    for number in range(ROUNDS):
        assert room.join(AWAY, former).status_code == 200
        assert former.call(AWAY, "PUT", f"{path}/presence", {"typing": True}).status_code == 200

        def ask(one: int, number: int = number) -> httpx.Response:
            if one == AT_ONCE // 2:
                return former.call(AWAY, "DELETE", f"{path}/members/me")
            if one % 2:
                return former.call(AWAY, "PUT", f"{path}/presence", {"typing": True})
            return former.post(AWAY, room.id, f"round {number}", str(uuid4()))

        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(ask, range(AT_ONCE)))
        assert answers[AT_ONCE // 2].status_code == 200
        # Some were in time and some were not; a busy room may ask to come back.
        assert {answer.status_code for answer in answers} <= {200, 201, 404, 429, 503}
        assert former.call(AWAY, "PUT", f"{path}/presence", {"typing": True}).status_code == 404
        assert former.post(AWAY, room.id, "afterwards").status_code == 404
        described = room.anna.call(AWAY, "GET", path).json()
        assert former.sub not in {member["user"] for member in described["members"]}
        here = room.anna.call(AWAY, "PUT", f"{path}/presence", {"typing": False}).json()
        assert former.sub not in here["online"]
        assert former.sub not in here["typing"]
    for region in REGIONS:
        eventually(lambda region=region: room.read(region, former).status_code == 404)
    texts = [message["text"] for message in room.anna.history(AWAY, room.id)]
    assert "afterwards" not in texts


def test_nothing_of_the_room_answers_afterwards(room: Room) -> None:
    former, path = room.ben, f"/rooms/{room.id}"
    upload = {"name": "cat.jpg", "content_type": "image/jpeg", "size": 1000}
    tries = [
        ("GET", path, None),
        ("GET", f"{path}/messages", None),
        ("POST", f"{path}/messages", {"client_message_id": "1", "text": "still here"}),
        ("PUT", f"{path}/presence", {"typing": True}),
        ("DELETE", f"{path}/presence", None),
        ("PUT", f"{path}/read", {"cursor": ""}),
        ("POST", f"{path}/uploads", upload),
        ("GET", f"{path}/attachments", None),
    ]
    allowed = {former.call(HOME, method, where, body).status_code for method, where, body in tries}
    assert allowed <= {200, 201}
    assert former.call(HOME, "DELETE", f"{path}/members/me").status_code == 200
    eventually(lambda: room.read(AWAY, former).status_code == 404)
    before = {region: seen(room.anna, region, room.id) for region in REGIONS}
    for region in REGIONS:
        assert {former.call(region, method, where, body).status_code for method, where, body in tries} == {404}
    assert {region: seen(room.anna, region, room.id) for region in REGIONS} == before


def test_the_live_channels_refuse_who_left(room: Room) -> None:
    former = room.ben
    with live(former, HOME, room.id) as client, live(room.anna, HOME, room.id) as anna:
        client.open()
        anna.open()
        left = client.channel
        assert former.call(HOME, "DELETE", f"/rooms/{room.id}/members/me").status_code == 200
        client.wait_for(kind="members")
        anna.wait_for(kind="members")
        anna.open()
        assert anna.channel != left
        for channel in (left, anna.channel, f"/rooms/{room.id}/*"):
            assert client.ask(channel) == "subscribe_error", channel
        heard = len(client.settle())
        anna.wait_for_message(room.anna.post(HOME, room.id, "without him").json())
        assert [event for event in client.settle()[heard:] if event["kind"] != "members"] == []
