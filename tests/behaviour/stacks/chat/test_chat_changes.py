"""Messages that are edited, deleted, answered and reacted to, in two Regions at once."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx

from cdp_constructs.testing import eventually
from tests.stacks.chat.clients import AWAY, HOME, REGIONS, Chat, Room, User, live


def post(user: User, region: str, room: Room, text: str, **more: str) -> str:
    body = {"text": text, "client_message_id": str(uuid4()), **more}
    answer = user.call(region, "POST", f"/rooms/{room.id}/messages", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def known(room: Room, message: str) -> str:
    """Wait until a message can be changed in every Region."""
    for region in REGIONS:
        eventually(lambda region=region: read(room.anna, region, room, message).status_code == 200)
    return message


def read(user: User, region: str, room: Room, message: str) -> httpx.Response:
    return user.call(region, "GET", f"/rooms/{room.id}/messages/{message}")


def change(user: User, region: str, room: Room, message: str, **body: str) -> httpx.Response:
    """Edit with ``text``, react with ``emoji``, delete with neither; again while others are faster, as clients do."""
    path = f"/rooms/{room.id}/messages/{message}"
    if not body:
        return user.call(region, "DELETE", path)
    body.setdefault("client_change_id", str(uuid4()))
    while True:
        answer = user.call(region, "PUT", f"{path}/reaction" if "emoji" in body else path, body)
        if answer.status_code != 503:
            return answer
        time.sleep(0.05)


def agreed(room: Room, message: str) -> dict[str, Any]:
    """Return the state of a message once both Regions have the same."""

    def same() -> dict[str, Any] | None:
        states = [read(room.anna, region, room, message).json() for region in REGIONS]
        return dict(states[0]) if states[0] == states[1] else None

    return eventually(same)


def emoji_of(state: dict[str, Any]) -> dict[str, str]:
    return {user: found[0] for user, found in state.get("reactions", {}).items() if found[0]}


def test_edits_of_both_regions_at_once_end_with_the_later_one_everywhere(room: Room) -> None:
    message = known(room, post(room.anna, HOME, room, "version 0"))

    def edit(number: int) -> dict[str, Any]:
        answer = change(room.anna, REGIONS[number % 2], room, message, text=f"version {number}")
        assert answer.status_code == 201, answer.text
        return dict(answer.json()["edited"])

    with ThreadPoolExecutor(4) as pool:
        places = list(pool.map(edit, range(1, 9)))
    last = max(places, key=lambda place: (place["clock"], place["region"], place["sequence"]))
    state = eventually(lambda: (found := agreed(room, message))["edited"] == last and found)
    assert state["text"] == f"version {places.index(last) + 1}"
    for region in REGIONS:
        (shown,) = room.ben.history(region, room.id)
        assert shown == state


def test_regions_that_do_not_hear_of_each_other_agree_afterwards_and_a_deletion_wins(room: Room, chat: Chat) -> None:
    kept, gone = (known(room, post(room.anna, HOME, room, text)) for text in ("kept", "gone"))
    with chat.cloud.suspend_replication(AWAY):
        assert change(room.anna, HOME, room, gone).status_code == 201
        for message in (kept, gone):
            assert change(room.anna, AWAY, room, message, text="edited meanwhile").status_code == 201
            assert change(room.ben, AWAY, room, message, emoji="🎉").status_code == 201
        assert change(room.ben, HOME, room, kept, emoji="👍").status_code == 201
    state = eventually(lambda: (found := agreed(room, kept)).get("edited") and found)
    assert (state["text"], set(emoji_of(state))) == ("edited meanwhile", {room.ben.sub})
    deleted = eventually(lambda: (found := agreed(room, gone)).get("deleted") and found)
    assert (deleted["text"], deleted["deleted"]["by"], emoji_of(deleted)) == ("", room.anna.sub, {})
    for region in REGIONS:
        eventually(lambda region=region: change(room.anna, region, room, gone, text="again").status_code == 410)
    # Nothing of its texts is left in either replica.
    for region in REGIONS:
        eventually(lambda region=region: kept_texts(chat, region, room) == {"kept", "edited meanwhile"})


def kept_texts(chat: Chat, region: str, room: Room) -> set[str]:
    """Return what a replica holds of what was said in a room."""
    name = chat.resource("ChatGlobal", "AWS::DynamoDB::GlobalTable", "Table")
    texts: set[str] = set()
    for log in (name_of for own in REGIONS for name_of in (own, f"{own}.changes")):
        answer = chat.cloud.client("dynamodb", region).query(
            TableName=name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"ROOM#{room.id}#{log}"}},
        )
        for item in answer["Items"]:
            texts |= {
                found["S"] for found in (item.get("text"), item.get("edit", {}).get("M", {}).get("text")) if found
            }
    return texts - {""}


def test_a_change_that_is_sent_three_times_in_two_regions_is_one(room: Room) -> None:
    message = known(room, post(room.anna, HOME, room, "helo"))
    first = change(room.anna, HOME, room, message, text="hello", client_change_id="retry-1")
    again = change(room.anna, HOME, room, message, text="hello", client_change_id="retry-1")
    eventually(lambda: agreed(room, message)["text"] == "hello")
    # A later change is not undone by the one before, which arrives once more.
    assert change(room.anna, AWAY, room, message, text="hello, all").status_code == 201
    late = change(room.anna, AWAY, room, message, text="hello", client_change_id="retry-1")
    assert [answer.status_code for answer in (first, again, late)] == [201, 200, 200]
    assert eventually(lambda: (found := agreed(room, message))["text"] == "hello, all" and found)
    page = room.ben.call(HOME, "GET", f"/rooms/{room.id}/messages").json()
    assert [entry["text"] for entry in page["changes"]] == ["hello", "hello, all"]


def test_a_storm_of_reactions_leaves_the_last_of_each_and_does_not_hold_up_messages(room: Room, chat: Chat) -> None:
    message = known(room, post(room.anna, HOME, room, "who is in?"))
    people = [room.anna, room.ben, chat.user()]
    assert room.join(HOME, people[2]).status_code == 200
    eventually(lambda: room.read(AWAY, people[2]).status_code == 200)
    done = threading.Event()

    def storm(number: int) -> None:
        for emoji in ("👍", "🎉", "", "❤️"):
            # Who goes to another Region is there for good, so the own order is known.
            assert change(people[number], REGIONS[number % 2], room, message, emoji=emoji).status_code == 201

    def talk() -> int:
        said = 0
        while not done.is_set():
            assert room.ben.post(HOME, room.id, f"line {said}").status_code == 201
            said += 1
        return said

    with ThreadPoolExecutor(4) as pool:
        talking = pool.submit(talk)
        list(pool.map(storm, range(len(people))))
        done.set()
        said = talking.result()
    eventually(lambda: emoji_of(agreed(room, message)) == {user.sub: "❤️" for user in people})
    room.settled(said + 1)


def test_members_of_both_regions_hear_of_a_change_and_only_the_log_grows(room: Room) -> None:
    message = known(room, post(room.anna, HOME, room, "helo"))
    room.ben.call(AWAY, "PUT", f"/rooms/{room.id}/read", {"cursor": room.read(AWAY, room.ben).json()["cursor"]})
    with live(room.anna, HOME, room.id) as near, live(room.ben, AWAY, room.id) as far:
        for client in (near, far):
            client.open()
        edited = change(room.anna, AWAY, room, message, text="hello").json()
        for client in (near, far):
            event = client.wait_for(kind="change")["change"]
            place = {name: event[name] for name in ("clock", "region", "sequence")} | {"at": event["changed_at"]}
            assert (event["kind"], event["message"], event["text"], place) == (
                "edit",
                message,
                "hello",
                edited["edited"],
            )
        # What a heartbeat says covers it, and reading on from before brings it too.
        here = room.ben.call(AWAY, "PUT", f"/rooms/{room.id}/presence", {"typing": False}).json()["cursor"]
        assert f"{AWAY}.changes:1" in here
    (listed,) = room.ben.call(AWAY, "GET", "/rooms").json()["rooms"]
    assert listed["unread"] == 0


def test_a_change_reaches_the_archive_of_every_region(room: Room, chat: Chat) -> None:
    message = known(room, post(room.anna, HOME, room, "for the record"))
    assert change(room.anna, AWAY, room, message, text="for the record, corrected").status_code == 201
    for region in REGIONS:
        bucket = chat.resource(f"Chat-{region}", "AWS::S3::Bucket", "MessagesArchiveBucket")
        s3 = chat.cloud.client("s3", region)

        def lines(s3: Any = s3, bucket: str = bucket) -> list[dict[str, Any]]:
            keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix="messages/").get("Contents", [])]
            bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]
            return [
                entry for body in bodies for entry in map(json.loads, body.splitlines()) if entry["room"] == room.id
            ]

        eventually(
            lambda: {line["text"] for line in lines()} >= {"for the record", "for the record, corrected"}, within=30
        )
        assert [line.get("kind") for line in lines() if "kind" in line] == ["edit"]


def test_an_old_message_is_found_by_its_link_and_shows_its_state_with_what_answers_it(room: Room) -> None:
    question = known(room, post(room.anna, HOME, room, "when?"))
    for number in range(12):
        post((room.anna, room.ben)[number % 2], REGIONS[number % 2], room, f"line {number}")
    answer = known(room, post(room.ben, AWAY, room, "at noon", answers=question))
    assert change(room.anna, AWAY, room, question, text="when exactly?").status_code == 201
    eventually(lambda: agreed(room, question)["text"] == "when exactly?")
    whole = room.settled(14)
    for region in REGIONS:
        path = f"/rooms/{room.id}/messages"
        newest = room.ben.call(region, "GET", path, before="latest", limit=3).json()
        assert (newest["messages"][-1]["id"], newest["messages"][-1]["answers"]) == (answer, question)
        assert [quoted["text"] for quoted in newest["answered"]] == ["when exactly?"]
        around = room.ben.call(region, "GET", path, around=question, limit=6).json()
        assert around["messages"] == whole[region][: len(around["messages"])]
        assert around["messages"][0]["id"] == question
        on = room.ben.call(region, "GET", path, after=around["cursor"], limit=100).json()
        assert [*around["messages"], *on["messages"]] == whole[region]
