"""After all moves: nothing that attackers, or operators with access to logs, could use is in any log of both systems.

The folder's conftest puts this module last. Alone, it does itself what people and devices do, so that there is a log.
"""

import json
import secrets
import time
from collections.abc import Callable
from uuid import uuid4

import pytest

from cdp_constructs.testing import eventually
from demo.chat.system import PRIVATE
from demo.iot.operator import Operator
from demo.logs import SHAPES, find_leaks, read_logs, search_logs, values_in_table
from tests.behaviour.stacks.chat.test_chat import Attachment, jpeg
from tests.stacks.chat.clients import HOME, REGIONS, Chat, Room

SENTENCE = f"the secret is {secrets.token_hex(8)}"
LEAST = 100


@pytest.fixture(scope="module")
def life(chat: Chat, operator: Operator) -> Room:
    """A room in which everything has happened that a log could tell, and an event of the issue tracker."""
    room = Room(chat)
    for region in REGIONS:
        assert room.anna.post(region, room.id, SENTENCE).status_code == 201
        room.anna.call(region, "POST", "/session", {"name": "Anna"})
        room.anna.call(region, "POST", f"/rooms/{room.id}/messages", {"text": SENTENCE, "extra": SENTENCE})
        room.anna.call(region, "POST", f"/rooms/{room.id}/members", {"invite_code": f"x{room.invite_code}"})
    room.ben.call(HOME, "PUT", "/me/notifications", {"mail": True, "push": False, "quiet_minutes": 5, "language": "en"})
    sent, refused = Attachment(room, HOME, jpeg()), Attachment(room, HOME, b"MZ" + bytes(500))
    assert refused.sent.status_code in {200, 201, 204}
    eventually(lambda: sent.download(HOME, room.ben).status_code == 200)
    number = 9_000_000
    assert operator.webhook(str(uuid4()), {"action": "opened", "issue": {"id": number, "title": SENTENCE}}) == 202
    eventually(lambda: f"issue/{number}" in operator.tickets())
    return room


def private_values(chat: Chat) -> dict[str, set[str]]:
    table = chat.resource("ChatGlobal", "AWS::DynamoDB::GlobalTable", "Table")
    return values_in_table(chat.cloud, HOME, table, PRIVATE)


def test_no_log_of_the_chat_has_a_secret(chat: Chat, life: Room) -> None:
    values = private_values(chat)
    assert SENTENCE in values["a message's text"]
    assert life.invite_code in values["an invite code"]
    people = {"a password or token": {life.anna.token, life.anna.mail, life.ben.token, life.ben.mail}}
    search_logs(chat.cloud, chat.deployment.regions.values(), values | people, least=LEAST)


def test_no_log_of_the_iot_system_has_a_secret(operator: Operator, life: Room) -> None:
    assert life
    search_logs(operator.cloud, [operator.region], {"a ticket's text": {SENTENCE}}, least=LEAST)


SECRETS: dict[str, Callable[[Room], str]] = {
    "a token or a policy": lambda room: f"GET /rooms Bearer {room.anna.token}",
    "a mail address": lambda room: json.dumps({"message": "signed up", "user": room.anna.mail}),
    "a signed URL": lambda _: "https://d1.cloudfront.net/cat.jpg?Expires=1&Signature=abcdefghijklmnopqrstuvwxyz~_",
    "a webhook's signature": lambda _: f"x-hub-signature-256: sha256={'0' * 64}",
    "a private key": lambda _: "-----BEGIN RSA PRIVATE KEY-----",
    "a webhook's secret": lambda _: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "an invite code": lambda room: f"join with {room.invite_code}",
    "a message's text": lambda _: f"posted: {SENTENCE}",
}


@pytest.fixture(scope="module")
def found(chat: Chat, life: Room) -> list[str]:
    """What is found in a log that has each of the secrets in a line."""
    name = f"/security/{uuid4().hex}"
    client = chat.cloud.client("logs", HOME)
    client.create_log_group(logGroupName=name)
    client.create_log_stream(logGroupName=name, logStreamName="one")
    now = int(time.time() * 1000)
    events = [{"timestamp": now + number, "message": make(life)} for number, make in enumerate(SECRETS.values())]
    client.put_log_events(logGroupName=name, logStreamName="one", logEvents=events)
    try:
        logs = {log: lines for log, lines in read_logs(chat.cloud, [HOME]).items() if log.endswith(name)}
    finally:
        client.delete_log_group(logGroupName=name)
    leaks = find_leaks(logs, private_values(chat))
    assert [leak.line for leak in leaks] == list(range(1, len(SECRETS) + 1))
    return [leak.kind for leak in leaks]


@pytest.mark.parametrize(("number", "kind"), list(enumerate(SECRETS)))
def test_a_secret_in_a_log_is_found(found: list[str], number: int, kind: str) -> None:
    assert found[number] == kind


def test_each_shape_is_tried() -> None:
    assert set(SHAPES) < set(SECRETS)
