"""Sessions in a table, and notices by what a person has: mail on a PC, push on a phone."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from stacks.dojo.app.mails import Addresses, Pace
from tests.stacks.dojo.app.chats import Chat, Person, Server

pytestmark = pytest.mark.conformance
REGION = "eu-west-1"


@pytest.fixture(scope="module")
def table(cloud: LocalCloud) -> Iterator[str]:
    name = f"sessions-{secrets.token_hex(4)}"
    dynamodb = cloud.client("dynamodb", region=REGION)
    keys = (("pk", "HASH"), ("sk", "RANGE"))
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys],
    )
    yield name
    dynamodb.delete_table(TableName=name)


@pytest.fixture(scope="module")
def choices(cloud: LocalCloud, outputs: dict[str, str], table: str) -> dict[str, Any]:
    cloud.client("sesv2", region=REGION).create_email_identity(EmailIdentity="example.com")
    return {
        "sessions": "table",
        "session_table": table,
        "notices": "device",
        "notice_topic": outputs["Topic"],
        "mail_sender": "Chat <chat@example.com>",
        "base_url": "https://chat.example.com",
    }


@pytest.fixture(scope="module")
def one(chat: Chat, choices: dict[str, Any]) -> Server:
    chat.end_all()  # a server with other choices would send the notices its way
    return chat.server(**choices)


@pytest.fixture(scope="module")
def two(chat: Chat, choices: dict[str, Any], one: Server) -> Server:
    del one  # first
    return chat.server(**choices)


def mails(cloud: LocalCloud, address: str) -> list[tuple[str, str]]:
    return [(mail.subject, mail.text) for mail in cloud.sent_mails(REGION) if mail.to == [address]]


def on_pc(cloud: LocalCloud, person: Person) -> str:
    address = f"{person.name.lower()}@example.com"
    answer = person.http.put("/device", json={"kind": "pc", "mail": address})
    assert answer.status_code == 202, answer.text
    [(_, text)] = mails(cloud, address)
    assert person.http.put("/device/code", json={"code": text.split()[-1]}).status_code == 204
    return address


def pushed(cloud: LocalCloud, outputs: dict[str, str]) -> list[str]:
    sqs = cloud.client("sqs", region=REGION)
    found = sqs.receive_message(QueueUrl=outputs["Inbox"], MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [json.loads(message["Body"])["person"] for message in found.get("Messages", [])]


def test_every_server_knows_a_session_and_none_after_its_end(one: Server, two: Server, room: str) -> None:
    ann = one.person()
    bob = ann.at(two)
    assert bob.send(room, "hello").status_code == 201
    assert ann.http.delete("/sessions").json() == {"ended": True}
    assert {who.http.get(f"/rooms/{room}/messages").status_code for who in (ann, bob)} == {401}


def test_the_table_has_no_token_and_a_session_that_expired_is_none(
    cloud: LocalCloud, one: Server, table: str, room: str
) -> None:
    ann = one.person()
    dynamodb = cloud.client("dynamodb", region=REGION)
    items = [item for item in dynamodb.scan(TableName=table)["Items"] if item["person"]["S"] == ann.name]
    [item] = items
    assert ann.token not in json.dumps(item)
    assert item["pk"]["S"].startswith("SESSION#")
    assert ann.http.get(f"/rooms/{room}/messages").status_code == 200
    dynamodb.put_item(TableName=table, Item={**item, "expires_at": {"N": "1"}})
    assert ann.http.get(f"/rooms/{room}/messages").status_code == 401


def test_while_the_table_does_not_answer_nobody_is_known_and_then_everybody_is(
    cloud: LocalCloud, one: Server, room: str
) -> None:
    ann = one.person()
    with cloud.inject_fault("dynamodb", REGION):
        answer = ann.http.get(f"/rooms/{room}/messages")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert ann.http.get(f"/rooms/{room}/messages").status_code == 200


def test_who_is_on_a_pc_gets_a_mail_and_no_push(
    cloud: LocalCloud, outputs: dict[str, str], one: Server, room: str
) -> None:
    ann, away = one.person(), one.person()
    address = on_pc(cloud, away)
    ann.send(room, f"@{away.name}, are you there?")
    _, (subject, text) = eventually(lambda: found if len(found := mails(cloud, address)) > 1 else None, within=30)
    assert subject == f"{ann.name} has mentioned you in {room}"
    assert f"https://chat.example.com/rooms/{room}/page" in text
    assert away.name not in pushed(cloud, outputs)


def test_who_has_a_phone_gets_a_push_and_no_mail(
    cloud: LocalCloud, outputs: dict[str, str], one: Server, room: str
) -> None:
    ann, away = one.person(), one.person()
    address = on_pc(cloud, away)
    assert away.http.put("/device", json={"kind": "phone"}).status_code == 204
    ann.send(room, f"@{away.name}, are you there?")
    eventually(lambda: away.name in pushed(cloud, outputs), within=30)
    assert len(mails(cloud, address)) == 1  # the code


def test_a_mail_that_ses_does_not_take_is_sent_later(cloud: LocalCloud, one: Server, room: str) -> None:
    ann, away = one.person(), one.person()
    address = on_pc(cloud, away)
    with cloud.inject_fault("ses", REGION):
        ann.send(room, f"@{away.name}, are you there?")
        assert len(mails(cloud, address)) == 1
    eventually(lambda: len(mails(cloud, address)) == 2, within=60)


def test_an_address_is_somebodys_when_the_code_came_back_from_the_same_person(cloud: LocalCloud, one: Server) -> None:
    ann, eve = one.person(), one.person()
    address = f"{ann.name.lower()}@example.com"
    assert ann.http.put("/device", json={"kind": "pc", "mail": address}).status_code == 202
    [(_, text)] = mails(cloud, address)
    code = text.split()[-1]
    assert eve.http.put("/device/code", json={"code": code}).status_code == 400
    for wrong in (code[:-2], eve.token, "", "a.b.c"):
        assert ann.http.put("/device/code", json={"code": wrong}).status_code == 400
    assert ann.http.put("/device/code", json={"code": code}).status_code == 204


def test_nobody_is_sent_code_after_code(cloud: LocalCloud, one: Server) -> None:
    ann, eve = one.person(), one.person()
    address = f"{ann.name.lower()}@example.com"
    assert ann.http.put("/device", json={"kind": "pc", "mail": address}).status_code == 202
    again = ann.http.put("/device", json={"kind": "pc", "mail": "other@example.com"})
    assert (again.status_code, again.headers["Retry-After"]) == (429, "60")
    assert eve.http.put("/device", json={"kind": "pc", "mail": address.upper()}).status_code == 429
    assert len(mails(cloud, address)) == 1


@pytest.mark.parametrize(
    "device",
    [
        {},
        {"kind": "pc"},
        {"kind": "tablet"},
        {"kind": "phone", "mail": "a@example.com"},
        {"kind": "pc", "mail": "a@example"},
        {"kind": "pc", "mail": "a@example.com\nBcc: b@example.com"},
        {"kind": "pc", "mail": "a@example.com, b@example.com"},
        {"kind": "pc", "mail": f"{'a' * 65}@example.com"},
    ],
)
def test_what_is_no_device_is_refused(one: Server, device: dict[str, str]) -> None:
    assert one.person().http.put("/device", json=device).status_code == 400


def test_a_board_without_mail_refuses_an_address(chat: Chat) -> None:
    server = chat.server()
    answer = server.person().http.put("/device", json={"kind": "pc", "mail": "a@example.com"})
    assert (answer.status_code, answer.json()["error"]) == (400, "this board sends no mails")


def test_a_code_is_good_for_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = Addresses(b"k" * 40)
    assert addresses.proven("ann", addresses.code("ann", "ann@example.com")) == "ann@example.com"
    monkeypatch.setattr("stacks.dojo.app.mails._VALID_SECONDS", -1)
    assert addresses.proven("ann", addresses.code("ann", "ann@example.com")) is None


def test_a_pace_is_kept_by_each_name(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("stacks.dojo.app.mails.time.monotonic", lambda: now)
    pace = Pace(60)
    assert pace.allows("ann", "a@example.com")
    assert not pace.allows("ann", "b@example.com")
    assert not pace.allows("eve", "a@example.com")
    assert pace.allows("eve", "b@example.com")
    pace.forget("eve", "b@example.com")
    assert pace.allows("eve", "b@example.com")
    now = 161.0
    assert pace.allows("ann", "a@example.com")
