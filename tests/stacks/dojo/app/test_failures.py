"""Databases, caches and queues that die or refuse: nothing is lost, nothing is doubled."""

import json
import time
import uuid
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import Browser, eventually
from tests.stacks.dojo.app.chats import Chat, Person, Server, end
from tests.stacks.dojo.app.stores import REGION, Keeping

pytestmark = pytest.mark.conformance


def _until_stored(person: Person, room: str, text: str) -> set[int]:
    message_id = str(uuid.uuid4())
    seen = set()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = person.send(room, text, message_id=message_id).status_code
        seen.add(status)
        if status == 201:
            return seen
        time.sleep(0.2)
    raise AssertionError(seen)


def test_a_store_that_fails_loses_and_doubles_nothing(keeping: Keeping, server: Server, room: str) -> None:
    ann = server.person()
    with ThreadPoolExecutor(4) as pool:
        sending = [pool.submit(_until_stored, ann, room, f"text {number}") for number in range(12)]
        keeping.fail()
        statuses = set().union(*(each.result() for each in sending))
    assert statuses <= {201, 503}
    found = ann.history(room)
    assert sorted(message["text"] for message in found) == sorted(f"text {number}" for number in range(12))
    assert [message["number"] for message in found] == list(range(1, 13))


def test_listeners_go_on_after_the_store_failed(keeping: Keeping, server: Server, room: str) -> None:
    ann = server.person()
    with ann.listening(room) as connection:
        ann.send(room, "before")
        assert json.loads(connection.recv(timeout=10))["text"] == "before"
        keeping.fail()
        _until_stored(ann, room, "after")
        assert json.loads(connection.recv(timeout=30))["text"] == "after"


def test_who_is_away_is_told_and_who_is_there_is_not(
    cloud: LocalCloud, outputs: dict[str, str], chat: Chat, room: str, keeping: Keeping
) -> None:
    server = chat.server(notices="topic", notice_topic=outputs["Topic"], base_url="https://chat.example.com")
    ann, away, there = server.person(), server.person(), server.person()
    with there.listening(room) as connection:
        ann.send(room, "hello")
        connection.recv(timeout=10)
        ann.send(room, f"@{away.name} and @{there.name}, @{ann.name} and @nobody-here!")

        eventually(lambda: not keeping.attempts(room=room), within=30)
        notices = _received(cloud, outputs, room)
        assert [(each["person"], each["number"]) for each in notices] == [(away.name, 2)]
        assert notices[0]["url"] == f"https://chat.example.com/rooms/{room}/page"


def test_a_notice_that_was_not_sent_is_sent_later(
    cloud: LocalCloud, outputs: dict[str, str], chat: Chat, room: str, keeping: Keeping
) -> None:
    server = chat.server(notices="topic", notice_topic=outputs["Topic"])
    ann, away = server.person(), server.person()
    with cloud.inject_fault("sns", REGION):
        ann.send(room, f"@{away.name}")
        eventually(lambda: any(keeping.attempts(person=away.name)), within=30)
    eventually(lambda: not keeping.attempts(person=away.name), within=40)
    assert [each["person"] for each in _received(cloud, outputs, room)] == [away.name]


def _received(cloud: LocalCloud, outputs: dict[str, str], room: str) -> list[dict[str, Any]]:
    """Return the notices of a room that reached the subscriber of the topic."""
    sqs = cloud.client("sqs", region=REGION)
    found: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=outputs["Inbox"], WaitTimeSeconds=2).get("Messages"):
        found += [json.loads(message["Body"]) for message in messages]
    return [notice for notice in found if notice["room"] == room]


def test_a_queue_takes_messages_while_the_store_is_away(
    cloud: LocalCloud, outputs: dict[str, str], chat: Chat, room: str, keeping: Keeping
) -> None:
    server = chat.server(
        intake="queue", queue_url=outputs["Queue"], dead_letter_queue_url=outputs["DeadLetters"], database_patience=1
    )
    ann = server.person()
    worker = chat.worker(queue_url=outputs["Queue"], dead_letter_queue_url=outputs["DeadLetters"])
    sqs = cloud.client("sqs", region=REGION)
    ids = [str(uuid.uuid4()) for _ in range(15)]
    for number, message_id in enumerate(ids[:5]):
        assert ann.send(room, f"text {number}", message_id=message_id).status_code == 202
    sqs.send_message(
        QueueUrl=outputs["Queue"], MessageBody='{"text": "\\ud800', MessageGroupId=room, MessageDeduplicationId=room
    )
    keeping.fail()
    for number, message_id in enumerate(ids[5:], 5):
        assert ann.send(room, f"text {number}", message_id=message_id).status_code == 202
    # Sent again, past what SQS recognises: the store does.
    sqs.send_message(
        QueueUrl=outputs["Queue"],
        MessageBody=json.dumps({"id": ids[0], "text": "text 0", "room": room, "author": ann.name}),
        MessageGroupId=room,
        MessageDeduplicationId=str(uuid.uuid4()),
    )
    assert ann.send(room, "last").status_code == 202
    eventually(lambda: _texts(ann, room)[-1:] == ["last"], within=90)
    assert _texts(ann, room) == [*(f"text {number}" for number in range(15)), "last"]
    assert ann.http.get(f"/messages/{ids[7]}").json()["number"] == 8
    dead = sqs.receive_message(QueueUrl=outputs["DeadLetters"], WaitTimeSeconds=5, MessageAttributeNames=["All"])
    assert len(dead["Messages"]) == 1
    assert "Invalid JSON" in dead["Messages"][0]["MessageAttributes"]["reason"]["StringValue"]
    sqs.delete_message(QueueUrl=outputs["DeadLetters"], ReceiptHandle=dead["Messages"][0]["ReceiptHandle"])
    assert end(worker) == 0


def _texts(person: Person, room: str) -> list[str]:
    answer = person.http.get(f"/rooms/{room}/messages")
    return [message["text"] for message in answer.json()["messages"]] if answer.status_code == 200 else []


def test_sessions_and_latest_messages_in_the_cache(
    cloud: LocalCloud, outputs: dict[str, str], chat: Chat, room: str
) -> None:
    cache = {
        "cache_url": f"redis://{outputs['Cache']}:6379",
        "fan_out": "cache",
        "sessions": "cache",
        "latest": "cache",
    }
    one, two = chat.server(**cache), chat.server(**cache)
    ann = one.person()
    bob = ann.at(two)
    with bob.listening(room) as connection:
        ann.send(room, "first")
        assert json.loads(connection.recv(timeout=10))["text"] == "first"
    assert ann.texts(room) == ["first"]
    last = ann.send(room, "second").json()["number"]
    # What is kept is behind what the author has seen.
    assert [each["number"] for each in ann.history(room, at_least=last)] == [1, 2]
    cloud.kill_cache(outputs["Cache"])
    assert ann.http.get(f"/rooms/{room}/messages").status_code in {200, 401, 503}
    # The cache comes back without what it had: people sign in again.
    carol = eventually(lambda: _new_person(one), within=60)
    assert carol.texts(room) == ["first", "second"]
    assert carol.http.delete("/sessions").json() == {"ended": True}
    assert carol.http.get(f"/rooms/{room}/messages").status_code == 401


def _new_person(server: Server) -> Person | None:
    try:
        person = server.person()
    except (AssertionError, KeyError):
        return None
    return person if person.http.get("/people/x/messages").status_code == 200 else None


def test_a_browser_gets_a_notice_that_the_server_has_signed(cloud: LocalCloud, chat: Chat, room: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    browser = Browser(cloud, urlsafe_b64encode(point).rstrip(b"=").decode())
    push = {"push_key": pem, "push_contact": "mailto:operators@example.com", "push_hosts": '["localhost"]'}
    chat.end_all()  # a server with a topic might publish the notice there
    server = chat.server(notices="push", **push)
    ann, away = server.person(), server.person()
    subscription = {"endpoint": browser.endpoint, "keys": {"p256dh": browser.p256dh, "auth": browser.auth}}
    assert away.http.put("/push", json=subscription).status_code == 204
    assert ann.send(room, f"@{away.name}").status_code == 201
    [notice] = eventually(browser.received, within=30)
    assert (json.loads(notice)["person"], json.loads(notice)["author"]) == (away.name, ann.name)
