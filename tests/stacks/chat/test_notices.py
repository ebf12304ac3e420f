"""Who is notified of a message, and what a user decides about it: the functions by themselves."""

import importlib
import json
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from notices import Notices, Preferences
from notices.values import check_choice, check_subscription
from stacks.chat.handlers.api import people
from stacks.chat.handlers.domain import rooms
from stacks.chat.limits import LimitsConfiguration
from tests.handlers import import_handler
from tests.stacks.chat.memory import MemoryTable

MESSAGE = {
    "region": "us-west-2",
    "sequence": 7,
    "clock": 1_700_000_000_000,
    "author": "anna",
    "client_message_id": "c-1",
    "attachments": [],
    "posted_at": "2026-01-02T23:59:59.000+00:00",
}
CONTEXT = SimpleNamespace(function_name="f", memory_limit_in_mb=256, invoked_function_arn="arn", aws_request_id="1")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_REGION": "us-west-2",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "TABLE_NAME": "chat",
        "WEB_ADDRESS": "https://chat.example.com",
        "NOTICES_QUEUE": "https://sqs.example/notices",
        "USER_POOL_REGION": "ap-northeast-1",
        "LOG_REGIONS": "ap-northeast-1,us-west-2",
        "LIMITS": LimitsConfiguration(settings_per_hour=3).model_dump_json(),
        "REALTIME": "{}",
        "UPLOAD_FUNCTION": "forms",
        "SIGNING_FUNCTIONS": "{}",
        "ACCEPTED_PREFIX": "accepted/",
        "ATTACHMENT_INDEX": "index",
    }.items():
        monkeypatch.setenv(name, value)


def entry(room: str, user: str, *, lasts: float = 150, change: str = "joined") -> dict[str, Any]:
    """Return what the table has of somebody who has a room open, or had."""
    now = time.time()
    entry = {"pk": f"ROOM#{room}", "sk": f"PRESENCE#{user}", "group": room, "member": user, "data": "{}"}
    milliseconds = round(now * 1000)
    times = {"since_ms": milliseconds, "at_ms": milliseconds, "expires_at": int(now + lasts)}
    return {**entry, **times, "change": change}


class Notifier:
    """The notifier, a room with many members, and what it sends."""

    def __init__(self, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.module = module
        self.table: Any = MemoryTable()
        self.sent: list[dict[str, Any]] = []
        self.requests = 0
        self.refused: set[str] = set()
        self.unreadable: set[str] = set()
        self.online = {"ben"}
        self.entries: list[dict[str, Any]] = []
        self.looked: list[str] = []
        made = rooms.create(self.table, "anna", "Lobby")
        self.room = made["room"]
        for user in ("ben", *(f"absent-{number}" for number in range(12))):
            rooms.join(self.table, user, self.room, made["invite_code"])
        monkeypatch.setattr(module, "table", self.table)
        self._query = self.table.query
        monkeypatch.setattr(self.table, "query", self._look)
        monkeypatch.setattr(module, "sqs", SimpleNamespace(send_message_batch=self._send))

    def _look(self, *, ExpressionAttributeValues: dict[str, str], **options: Any) -> Any:  # noqa: N803 - as boto3 has it
        room = ExpressionAttributeValues[":pk"].removeprefix("ROOM#")
        self.looked.append(room)
        if room in self.unreadable:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "Query")
        self.table.put(*(entry(room, user) for user in self.online), *self.entries)
        return self._query(ExpressionAttributeValues=ExpressionAttributeValues, **options)

    def _send(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        assert QueueUrl == "https://sqs.example/notices"
        assert len({entry["Id"] for entry in Entries}) == len(Entries) <= 10
        self.requests += 1
        notices = {entry["Id"]: json.loads(entry["MessageBody"]) for entry in Entries}
        refused = [number for number, notice in notices.items() if notice["notice_id"] in self.refused]
        self.sent += [notice for number, notice in notices.items() if number not in refused]
        return {"Failed": [{"Id": number, "Code": "InternalError", "SenderFault": False} for number in refused]}

    def message(self, identity: str = "m-1", text: str = "hello", **more: str) -> str:
        message = {**MESSAGE, "id": identity, "room": self.room, "text": text, **more}
        return json.dumps({"kind": "message", "message": message})

    def tell(self, *bodies: str) -> list[str]:
        """Let a batch of the queue come; return which of its records are to be delivered again."""
        records = [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]
        answer = self.module.handler({"Records": records}, CONTEXT)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.fixture
def notifier(monkeypatch: pytest.MonkeyPatch) -> Notifier:
    return Notifier(import_handler("stacks.chat.handlers.notifier"), monkeypatch)


def test_who_is_away_is_told_and_neither_the_author_nor_who_is_there(notifier: Notifier) -> None:
    people.rename(notifier.table, "anna", "Anna")
    assert notifier.tell(notifier.message()) == []
    assert sorted(notice["user"] for notice in notifier.sent) == sorted(f"absent-{number}" for number in range(12))
    assert notifier.sent[0] == {
        "notice_id": "m-1",
        "user": notifier.sent[0]["user"],
        "topic": notifier.room,
        "title": "Lobby",
        "body": "Anna: hello",
        "link": f"https://chat.example.com/rooms/{notifier.room}",
    }


def test_a_long_text_is_cut_and_an_author_without_a_name_is_left_out(notifier: Notifier) -> None:
    notifier.tell(notifier.message(text="x" * 4000))
    assert {notice["body"] for notice in notifier.sent} == {"x" * 300}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("one\n\nBen: I did not say this", "Anna: one Ben: I did not say this"),
        ("in\u202everted \u2066order\u2069", "Anna: inverted order"),
        ("\u200b\x00", "Anna: "),
    ],
)
def test_a_text_cannot_pretend_to_be_another_notice(notifier: Notifier, text: str, told: str) -> None:
    people.rename(notifier.table, "anna", "Anna")
    notifier.tell(notifier.message(text=text))
    assert {notice["body"] for notice in notifier.sent} == {told}


def test_what_shows_nothing_is_still_a_notice(notifier: Notifier) -> None:
    # A name from before names were checked, and nobody's name: the queue takes no empty title and no empty text.
    notifier.table.items[f"ROOM#{notifier.room}", "ROOM"]["name"] = "\u200b"
    notifier.tell(notifier.message(text="\u200b"))
    assert {(notice["title"], notice["body"]) for notice in notifier.sent} == {("…", "…")}


def test_nobody_is_told_when_everybody_is_there(notifier: Notifier) -> None:
    notifier.online |= {f"absent-{number}" for number in range(12)}
    assert notifier.tell(notifier.message()) == []
    assert notifier.sent == []


def test_who_was_there_until_a_moment_ago_is_told_and_who_has_left_the_room_is_not(notifier: Notifier) -> None:
    notifier.online = {f"absent-{number}" for number in range(2, 12)}
    lapsed, closed = entry(notifier.room, "absent-0", lasts=-1), entry(notifier.room, "absent-1", change="left")
    notifier.entries = [lapsed, closed]
    rooms.leave(notifier.table, "ben", notifier.room, "us-west-2")
    notifier.tell(notifier.message())
    assert [notice["user"] for notice in notifier.sent] == ["absent-0", "absent-1"]


def test_a_room_is_read_once_for_all_messages_of_a_batch(notifier: Notifier, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    for name in ("get_item", "batch_get_item", "query"):
        read = getattr(notifier.table, name)

        def counted(*arguments: Any, _name: str = name, _read: Any = read, **options: Any) -> Any:
            reads.append(_name)
            return _read(*arguments, **options)

        monkeypatch.setattr(notifier.table, name, counted)
    made = rooms.create(notifier.table, "anna", "Tea")
    rooms.join(notifier.table, "carl", made["room"], made["invite_code"])
    reads.clear()
    notifier.looked.clear()
    people.rename(notifier.table, "anna", "Anna")
    here = [notifier.message(f"m-{number}", author=("anna", "ben")[number % 2]) for number in range(4)]
    assert notifier.tell(*here, notifier.message("m-4", room=made["room"])) == []
    # Of each room once who is in it and who is there, and once the titles and the names of all.
    assert reads == ["query", "query", "batch_get_item"]
    assert notifier.looked == [notifier.room, made["room"]]
    told = {(notice["notice_id"], notice["title"], notice["body"]) for notice in notifier.sent}
    assert told == {
        ("m-0", "Lobby", "Anna: hello"),
        ("m-1", "Lobby", "hello"),
        ("m-2", "Lobby", "Anna: hello"),
        ("m-3", "Lobby", "hello"),
        ("m-4", "Tea", "Anna: hello"),
    }
    # Anna is away, too, when Ben writes.
    assert {notice["user"] for notice in notifier.sent if notice["notice_id"] == "m-1"} >= {"anna", "absent-0"}
    assert len(notifier.sent) == 12 * 4 + 2 + 1
    assert notifier.requests == 6


def test_only_messages_whose_notices_the_queue_did_not_take_come_again(notifier: Notifier) -> None:
    notifier.refused = {"m-1"}
    assert notifier.tell(notifier.message("m-0"), notifier.message("m-1"), notifier.message("m-2")) == ["1"]
    assert {notice["notice_id"] for notice in notifier.sent} == {"m-0", "m-2"}


def test_what_is_no_message_and_a_room_that_cannot_be_read_stop_no_other(notifier: Notifier) -> None:
    notifier.unreadable = {"elsewhere"}
    incomplete = json.dumps({"message": {"room": notifier.room}})
    bodies = ["no JSON", incomplete, notifier.message("m-1", room="elsewhere"), notifier.message("m-2")]
    assert notifier.tell(*bodies) == ["0", "1", "2"]
    assert {notice["notice_id"] for notice in notifier.sent} == {"m-2"}


class People:
    """Stands for preferences and devices."""

    def __init__(self) -> None:
        self.chosen = Preferences()
        self.seen_rooms: list[tuple[str, str]] = []

    def preferences(self, _user: str) -> Preferences:
        return self.chosen

    def choose(self, _user: str, **choice: Any) -> Preferences:
        check_choice(**choice)
        self.chosen = Preferences(**choice)
        return self.chosen

    def add_device(self, _user: str, _platform: str, token: str) -> str:
        if token == "one too many":
            raise ValueError("you have 20 devices; remove one")
        return "d-1"

    def add_subscription(self, _user: str, endpoint: str, p256dh: str, auth: str) -> str:
        check_subscription(endpoint, p256dh, auth, ["fcm.googleapis.com"])
        return "b-1"

    def remove_device(self, _user: str, device: str) -> bool:
        return device == "d-1"


class Me:
    """The routes of a user: the API, its table, and the user pool."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.api = import_handler("stacks.chat.handlers.api")
        self.module = self.api.notifications
        self.service = self.module.service
        self.people = People()
        self.account: Any = {"email": "anna@example.com", "email_verified": "true"}
        self.tokens: list[str] = []
        self.authorization = "Bearer the-token"
        self.table: Any = MemoryTable()
        for name, owner in (
            ("table", self.service),
            ("_table", self.service.accounts),
            ("_table", self.service.budgets),
        ):
            monkeypatch.setattr(owner, name, self.table)
        monkeypatch.setattr(self.module, "connect", lambda: self.people)
        monkeypatch.setattr(self.module.user_pool, "_pool", lambda: SimpleNamespace(get_user=self._get_user))

    def _get_user(self, AccessToken: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        self.tokens.append(AccessToken)
        if isinstance(self.account, Exception):
            raise self.account
        return {"UserAttributes": [{"Name": name, "Value": value} for name, value in self.account.items()]}

    def call(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        event = {
            "version": "2.0",
            "rawPath": path,
            "headers": {"content-type": "application/json", "authorization": self.authorization},
            "requestContext": {
                "http": {"method": method, "path": path},
                "timeEpoch": 1_800_000_000_000,
                "stage": "$default",
                "authorizer": {"jwt": {"claims": {"sub": "anna"}}},
            },
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = self.api.handler(event, CONTEXT)
        return int(answer["statusCode"]), json.loads(answer["body"])


@pytest.fixture
def me(monkeypatch: pytest.MonkeyPatch) -> Me:
    return Me(monkeypatch)


CHOICE = {"mail": True, "push": False, "quiet_minutes": 30, "language": "ja"}


def test_mail_goes_to_the_verified_address_of_the_account(me: Me) -> None:
    assert me.call("GET", "/me/notifications") == (
        200,
        {"mail": False, "push": True, "quiet_minutes": 15, "language": "en", "mail_off": None},
    )
    assert me.call("PUT", "/me/notifications", CHOICE) == (200, {**CHOICE, "mail_off": None})
    assert (me.people.chosen.address, me.tokens) == ("anna@example.com", ["the-token"])


def test_without_mail_nobody_asks_for_an_address(me: Me) -> None:
    me.account = AssertionError("asked")
    assert me.call("PUT", "/me/notifications", {**CHOICE, "mail": False})[0] == 200
    assert me.people.chosen.address is None


@pytest.mark.parametrize(
    ("account", "status"),
    [
        ({"email": "anna@example.com", "email_verified": "false"}, 409),
        ({}, 409),
        ({"email": "änna@example.com", "email_verified": "true"}, 409),
        (ClientError({"Error": {"Code": "InternalErrorException"}}, "GetUser"), 503),
        (ClientError({"Error": {"Code": "NotAuthorizedException"}}, "GetUser"), 401),
        (ClientError({"Error": {"Code": "UserNotFoundException"}}, "GetUser"), 401),
        (ParamValidationError(report="too short"), 401),
    ],
    ids=["not verified", "none", "not ASCII", "the home Region is down", "no access token", "no account", "no token"],
)
def test_without_a_proven_address_nothing_is_changed(me: Me, account: Any, status: int) -> None:
    me.account = account
    assert me.call("PUT", "/me/notifications", CHOICE)[0] == status
    assert me.people.chosen == Preferences()


@pytest.mark.parametrize(
    "wrong", [{"quiet_minutes": 4}, {"quiet_minutes": 1441}, {"language": "fr"}, {"address": "x@example.com"}]
)
def test_a_choice_that_is_none_is_refused(me: Me, wrong: dict[str, Any]) -> None:
    assert me.call("PUT", "/me/notifications", CHOICE | wrong)[0] == 422


def test_devices_come_and_go(me: Me) -> None:
    assert me.call("POST", "/me/devices", {"platform": "fcm", "token": "t"}) == (201, {"device": "d-1"})
    assert me.call("DELETE", "/me/devices/d-1") == (200, {"device": "d-1"})
    assert me.call("DELETE", "/me/devices/d-2")[0] == 404
    assert me.call("POST", "/me/devices", {"platform": "sms", "token": "t"})[0] == 422
    status, answer = me.call("POST", "/me/devices", {"platform": "apns", "token": "one too many"})
    assert (status, "remove one" in answer["message"]) == (400, True)


SUBSCRIPTION = {
    "endpoint": "https://fcm.googleapis.com/fcm/send/a",
    "keys": {"p256dh": "B" + "A" * 86, "auth": "A" * 22},
}


def test_a_browser_is_registered_as_its_subscription_describes_it(me: Me) -> None:
    assert me.call("POST", "/me/devices", {"platform": "web_push", **SUBSCRIPTION}) == (201, {"device": "b-1"})
    foreign = {"platform": "web_push", **SUBSCRIPTION, "endpoint": "https://evil.example/x"}
    assert me.call("POST", "/me/devices", foreign)[0] == 400
    for wrong in ({"platform": "web_push", "token": "t"}, {"platform": "fcm", **SUBSCRIPTION}, {"token": "t"}):
        assert me.call("POST", "/me/devices", wrong)[0] == 422


def test_a_chat_without_notices_says_so_and_works_on(me: Me, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(me.module, "connect", lambda: None)
    assert me.call("GET", "/me/notifications") == (
        404,
        {"statusCode": 404, "message": "this chat sends no notices"},
    )
    me.module.seen("anna", "room")
    me.module.forget("anna")


def test_the_environment_tells_whether_there_are_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("stacks.chat.handlers.api.routes.notifications")
    module.connect.cache_clear()
    assert module.connect() is None
    monkeypatch.setenv("NOTICES", '{"table": "chat", "platforms": {}}')
    module.connect.cache_clear()
    assert isinstance(module.connect(), Notices)
    module.connect.cache_clear()
