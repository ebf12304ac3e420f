"""The chat's functions by themselves: one record, one request."""

import importlib.util
import io
import json
from collections.abc import Callable
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from botocore.stub import ANY, Stubber

from tests.stacks.chat.memory import MemoryTable

HANDLERS = Path(__file__).parents[3] / "stacks/chat/handlers"
CONTEXT = SimpleNamespace(function_name="f", memory_limit_in_mb=256, invoked_function_arn="arn", aws_request_id="1")
MESSAGE = {
    "room": "room-1",
    "region": "us-west-2",
    "sequence": 7,
    "clock": 1_700_000_000_000,
    "id": "m-1",
    "author": "anna",
    "client_message_id": "c-1",
    "text": "héllo",
    "attachments": ["u-1"],
    "posted_at": "2026-01-02T23:59:59.000+00:00",
}
REALTIME = {
    "transport": "appsync-events",
    "http": "https://a.example/event",
    "websocket": "wss://a.example/event/realtime",
}
EVENT = {"kind": "message", "message": MESSAGE}
Load = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import a handler as a new execution environment would."""
    environment = {
        "AWS_REGION": "us-west-2",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "POWERTOOLS_SERVICE_NAME": uuid4().hex,
        "TABLE_NAME": "chat",
        "BUCKET_NAME": "archive",
        "TOPIC_ARN": "arn:aws:sns:us-west-2:000000000000:messages",
        "LOG_REGIONS": "ap-northeast-1,us-west-2",
        "REALTIME": json.dumps(REALTIME),
        "UPLOAD_FUNCTION": "forms",
        "SIGNING_FUNCTIONS": json.dumps({"us-west-2": "Chat-us-west-2-SignDownload"}),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def import_anew(name: str) -> ModuleType:
        folder, _, module = name.partition("/")
        file = HANDLERS / folder / f"{module or 'index'}.py"
        spec = importlib.util.spec_from_file_location(f"chat_{folder}_{module}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return import_anew


def queued(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]}


def streamed(*images: dict[str, Any]) -> dict[str, Any]:
    types: dict[type, Callable[[Any], Any]] = {
        str: lambda value: {"S": value},
        int: lambda value: {"N": str(value)},
        list: lambda value: {"L": [{"S": item} for item in value]},
    }
    return {
        "Records": [
            {
                "eventName": "INSERT",
                "dynamodb": {
                    "SequenceNumber": str(number),
                    "NewImage": {name: types[type(value)](value) for name, value in image.items()},
                },
            }
            for number, image in enumerate(images)
        ]
    }


STORED = {**MESSAGE, "pk": "ROOM#room-1#us-west-2", "sk": "MESSAGE#000000000007"}
ROOM = "ROOM#room-1"


class Publisher:
    """The publisher of us-west-2, its replica, and what it publishes."""

    def __init__(self, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.module = module
        self.table = MemoryTable()
        self.published: list[dict[str, Any]] = []
        monkeypatch.setattr(module, "table", self.table)
        monkeypatch.setattr(module, "sns", SimpleNamespace(publish=lambda **call: self.published.append(call)))

    def see(self, *images: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """Handle changes; return channels and events."""
        assert self.module.handler(streamed(*images), CONTEXT) == {"batchItemFailures": []}
        return [
            (call["MessageAttributes"]["channel"]["StringValue"], json.loads(call["Message"]))
            for call in self.published
        ]

    @property
    def channel(self) -> str:
        channel: str = self.module.channels.look_up(self.table, "room-1", "us-west-2")
        return channel


@pytest.fixture
def publisher(load: Load, monkeypatch: pytest.MonkeyPatch) -> Publisher:
    return Publisher(load("api/publisher"), monkeypatch)


def test_the_publisher_tells_consumers_what_they_filter_by(publisher: Publisher) -> None:
    assert publisher.see(STORED) == [("/rooms/room-1/0", {"kind": "message", "message": MESSAGE})]
    (call,) = publisher.published
    assert call["MessageAttributes"] == {
        name: {"DataType": "String", "StringValue": value}
        for name, value in {
            "kind": "message",
            "room": "room-1",
            "region": "us-west-2",
            "channel": "/rooms/room-1/0",
        }.items()
    }


def test_a_message_keeps_the_region_that_accepted_it(publisher: Publisher) -> None:
    publisher.see({**STORED, "region": "ap-northeast-1"})
    assert publisher.published[0]["MessageAttributes"]["region"]["StringValue"] == "ap-northeast-1"


def test_the_publisher_reports_what_it_could_not_publish(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = load("api/publisher")
    monkeypatch.setattr(publisher, "table", MemoryTable())
    with Stubber(publisher.sns) as sns:
        sns.add_response("publish", {"MessageId": "1"})
        sns.add_client_error("publish", "Throttled")
        result = publisher.handler(streamed(STORED, STORED), CONTEXT)
    assert result == {"batchItemFailures": [{"itemIdentifier": "1"}]}


def membership(**more: str) -> dict[str, Any]:
    return {"pk": ROOM, "sk": "MEMBER#ben", "room": "room-1", "user": "ben", "joined_at": "then", **more}


def test_who_joins_is_announced(publisher: Publisher) -> None:
    assert publisher.see(membership()) == [("/rooms/room-1/0", {"kind": "members"})]


def test_who_left_in_another_region_is_cut_off_when_this_one_hears_of_it(publisher: Publisher) -> None:
    left = membership(left_at="now", left_in="ap-northeast-1")
    # What was posted before it in the same batch still goes to the channel that everybody listens to.
    events = publisher.see(STORED, left, STORED)
    assert [channel for channel, _ in events] == ["/rooms/room-1/0", publisher.channel]
    assert publisher.channel != "/rooms/room-1/0"
    # And the record of the channel that follows is the last that the old one carries.
    moved = publisher.table.items[ROOM, "CHANNEL#us-west-2"]
    assert publisher.see(moved)[-1] == ("/rooms/room-1/0", {"kind": "members"})


def test_who_left_here_has_been_cut_off_already(publisher: Publisher) -> None:
    assert publisher.see(membership(left_at="now", left_in="us-west-2")) == []
    assert publisher.table.items == {}


@pytest.mark.parametrize(
    ("kind", "change", "event"),
    [
        ("PRESENCE", "joined", {"kind": "presence", "user": "ben", "online": True}),
        ("PRESENCE", "left", {"kind": "presence", "user": "ben", "online": False}),
        ("TYPING", "joined", {"kind": "typing", "user": "ben", "typing": True}),
        ("TYPING", "renewed", {"kind": "typing", "user": "ben", "typing": True}),
        ("TYPING", "left", {"kind": "typing", "user": "ben", "typing": False}),
    ],
)
def test_presence_and_typing_become_events(publisher: Publisher, kind: str, change: str, event: dict[str, Any]) -> None:
    entry = {"pk": ROOM, "sk": f"{kind}#ben", "group": "room-1", "member": "ben", "change": change}
    assert publisher.see(entry) == [("/rooms/room-1/0", event)]


def test_a_thumbnail_is_announced(publisher: Publisher) -> None:
    item = {"pk": ROOM, "sk": "ATTACHMENT#u-1", "name": "cat.jpg"}
    assert publisher.see(item) == [("/rooms/room-1/0", {"kind": "attachment", "id": "u-1", "thumbnail": True})]


def subscription(channel: str, user: str = "anna") -> dict[str, Any]:
    segments = channel.strip("/").split("/")
    return {
        "identity": {"sub": user, "username": user},
        "info": {
            "operation": "SUBSCRIBE",
            "channel": {"path": channel, "segments": segments},
            "channelNamespace": {"name": segments[0]},
        },
        "events": None,
    }


def test_members_may_listen_on_the_present_channel_only(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = load("api/subscriptions")
    table = MemoryTable()
    monkeypatch.setattr(handler, "table", table)
    made = handler.rooms.create(table, "anna", "Lobby")
    room = made["room"]
    handler.rooms.join(table, "ben", room, made["invite_code"])
    first = f"/rooms/{room}/0"
    assert [handler.handler(subscription(first, user), CONTEXT) for user in ("anna", "ben")] == [None, None]
    handler.rooms.leave(table, "ben", room, "us-west-2")
    now = handler.channels.look_up(table, room, "us-west-2")
    assert handler.handler(subscription(now), CONTEXT) is None
    refused = [
        subscription(first),  # the channel that the room has left
        subscription(now, "ben"),  # somebody who has left the room
        subscription(now, "mallory"),
        subscription(f"/rooms/{room}/*"),
        subscription("/rooms/*"),
        subscription(f"/rooms/{uuid4()}/0"),
        subscription(f"/elsewhere/{room}/0"),
    ]
    assert {json.dumps(handler.handler(event, CONTEXT)) for event in refused} == {json.dumps(handler.REFUSED)}


def test_the_archive_names_an_object_for_ever(load: Load) -> None:
    archive = load("message_archive")
    with Stubber(archive.s3) as s3:
        key = "rooms/room-1/2026/01/02/us-west-2-000000000007.json"
        expected = {"Bucket": "archive", "Key": key, "Body": ANY, "ContentType": "application/json", "IfNoneMatch": "*"}
        s3.add_response("put_object", {}, expected)
        # Delivered again: it is there, and stays as it is.
        s3.add_client_error("put_object", "PreconditionFailed", expected_params=expected)
        body = json.dumps(EVENT)
        assert archive.handler(queued(body, body), CONTEXT) == {"batchItemFailures": []}
        s3.assert_no_pending_responses()


def test_the_archive_fails_only_what_it_could_not_keep(load: Load) -> None:
    archive = load("message_archive")
    with Stubber(archive.s3) as s3:
        s3.add_client_error("put_object", "AccessDenied")
        s3.add_response("put_object", {})
        failed = archive.handler(queued("not a message", json.dumps(EVENT), json.dumps(EVENT)), CONTEXT)
    assert failed == {"batchItemFailures": [{"itemIdentifier": "0"}, {"itemIdentifier": "1"}]}


ACCEPTED = {
    "upload_id": "u-1",
    "owner": "anna",
    "bucket": "b",
    "region": "us-west-2",
    "key": "accepted/anna/u-1/\uff23at.jpg",
    "size": 12,
    "content_type": "image/jpeg",
    "name": "\uff23at.jpg",
    "metadata": {"room": "room-1"},
    "accepted_at": "2026-01-02T03:04:05+00:00",
}
WITH_THUMBNAIL = {**ACCEPTED, "thumbnail": {"key": "accepted/anna/u-1/thumbnail/320.webp", "size": 3}}


class Items:
    """Stands for a table that is only updated with SET."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], dict[str, Any]] = {}

    def update_item(self, **update: Any) -> None:
        changes = [change.split(" = ") for change in update["UpdateExpression"].removeprefix("SET ").split(", ")]
        item = self.stored.setdefault((update["Key"]["pk"], update["Key"]["sk"]), {})
        for name, value in changes:
            item[update["ExpressionAttributeNames"][name]] = update["ExpressionAttributeValues"][value]


def test_the_recorder_puts_an_upload_into_its_room(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = load("attachment_recorder")
    monkeypatch.setattr(recorder, "table", Items())
    without_room = {**ACCEPTED, "metadata": {}}
    result = recorder.handler(queued(json.dumps(ACCEPTED), json.dumps(without_room)), CONTEXT)
    assert result == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    ((key, item),) = recorder.table.stored.items()
    assert (*key, item["region"]) == ("ROOM#room-1", "ATTACHMENT#u-1", "us-west-2")
    assert (item["search_name"], "thumbnail" in item) == ("cat.jpg", False)
    # The index of memberships holds every item that has both.
    assert not {"user", "room"} <= set(item)


@pytest.mark.parametrize("order", list(permutations([ACCEPTED, WITH_THUMBNAIL, ACCEPTED])))
def test_upload_and_thumbnail_may_be_recorded_in_any_order(
    load: Load, monkeypatch: pytest.MonkeyPatch, order: tuple[dict[str, Any], ...]
) -> None:
    recorder = load("attachment_recorder")
    monkeypatch.setattr(recorder, "table", Items())
    recorder.handler(queued(*map(json.dumps, order)), CONTEXT)
    (item,) = recorder.table.stored.values()
    assert item["thumbnail"] is True
    assert item["thumbnail_file"] == WITH_THUMBNAIL["thumbnail"]
    assert item["key"] == ACCEPTED["key"]


def request(method: str, path: str, body: object = None, **query: str) -> dict[str, Any]:
    return {
        "version": "2.0",
        "rawPath": path,
        "queryStringParameters": query,
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "http": {"method": method, "path": path},
            "stage": "$default",
            "authorizer": {"jwt": {"claims": {"sub": "anna"}}},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


@pytest.fixture
def api(load: Load, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The API of somebody who is in every room."""
    module = load("api")
    monkeypatch.setattr(module.rooms, "require_member", lambda *_: None)
    return module


def call(
    api: ModuleType, method: str, path: str, body: object = None, **query: str
) -> tuple[int, dict[str, Any], dict[str, str]]:
    answer = api.handler(request(method, path, body, **query), CONTEXT)
    return int(answer["statusCode"]), json.loads(answer["body"]), answer["headers"]


def test_a_busy_room_asks_the_client_to_come_back(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise api.RoomBusyError

    monkeypatch.setattr(api.log, "append", busy)
    status, body, headers = call(api, "POST", "/rooms/r/messages", {"text": "x", "client_message_id": "1"})
    assert (status, headers["Retry-After"]) == (503, "1")
    assert "nothing was stored" in body["message"]


def test_a_session_tells_a_client_all_that_it_needs(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "table", MemoryTable())
    first = call(api, "POST", "/session", {"name": " Anna "})[1]
    assert first == {
        "region": "us-west-2",
        "user": "anna",
        "name": "Anna",
        "realtime": REALTIME,
        "heartbeat_seconds": 60,
        "away_seconds": 150,
    }
    assert call(api, "POST", "/session", {})[1] == first
    assert call(api, "POST", "/session", {"name": "  "})[0] == 422


def test_a_cursor_of_somebody_else_is_refused_with_a_reason(api: ModuleType) -> None:
    for answer in (
        call(api, "GET", "/rooms/r/messages", after="mars:1"),
        call(api, "GET", "/rooms/r/messages", before="mars:1"),
        call(api, "PUT", "/rooms/r/read", {"cursor": "mars:1"}),
    ):
        assert (answer[0], "is not one of this API" in answer[1]["message"]) == (400, True)


def test_what_changed_at_the_same_moment_may_be_asked_again(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(*_: object) -> None:
        raise api.rooms.RoomChangedError

    def busy(*_: object) -> None:
        raise api.MarkerBusyError

    monkeypatch.setattr(api.rooms, "leave", changed)
    monkeypatch.setattr(api.markers, "mark", busy)
    for answer in (
        call(api, "DELETE", "/rooms/r/members/me"),
        call(api, "PUT", "/rooms/r/read", {"cursor": ""}),
    ):
        assert (answer[0], answer[2]["Retry-After"]) == (503, "1")


def invoked(api: ModuleType, payload: object, *, error: bool = False) -> Stubber:
    """Let the function behind the API answer."""
    api.attachments._functions.cache_clear()
    stubber = Stubber(api.attachments._functions("us-west-2"))
    answer: dict[str, Any] = {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(payload).encode())}
    stubber.add_response("invoke", answer | ({"FunctionError": "Unhandled"} if error else {}))
    return stubber


def test_an_upload_that_the_rules_refuse_is_the_clients_mistake(api: ModuleType) -> None:
    body = {"name": "a.exe", "content_type": "application/x-msdownload", "size": 3}
    refusal = {"errorType": "UploadRefusedError", "errorMessage": "content_type: not accepted"}
    with invoked(api, refusal, error=True):
        status, answer, _ = call(api, "POST", "/rooms/r/uploads", body)
    assert (status, answer["message"]) == (400, "content_type: not accepted")


def test_a_function_that_fails_is_our_mistake(api: ModuleType) -> None:
    body = {"name": "a.jpg", "content_type": "image/jpeg", "size": 3}
    with (
        invoked(api, {"errorType": "KeyError", "errorMessage": "'BUCKET'"}, error=True),
        pytest.raises(api.attachments.FunctionFailedError, match="forms: KeyError"),
    ):
        call(api, "POST", "/rooms/r/uploads", body)


def test_a_download_is_signed_where_the_file_is(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    item = {
        "region": "us-west-2",
        "key": "accepted/anna/u-1/cat.jpg",
        "name": "cat.jpg",
        "content_type": "image/jpeg",
        "size": Decimal(12),
    }
    monkeypatch.setattr(api.attachments.keys, "get", lambda *_: item)
    asked: list[dict[str, Any]] = []
    with invoked(api, {"url": "https://d.example/x", "expires_at": "soon"}) as stubber:
        stubber.client.meta.events.register(
            "provide-client-params.lambda.Invoke", lambda params, **_: asked.append(dict(params))
        )
        status, answer, _ = call(api, "GET", "/rooms/r/attachments/u-1")
    assert (status, answer["url"], answer["size"]) == (200, "https://d.example/x", 12)
    assert asked[0]["FunctionName"] == "Chat-us-west-2-SignDownload"
    assert json.loads(asked[0]["Payload"])["path"] == "anna/u-1/cat.jpg"


def test_an_attachment_of_a_region_that_is_gone_is_not_found(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.attachments.keys, "get", lambda *_: {"region": "eu-west-1"})
    assert call(api, "GET", "/rooms/r/attachments/u-1")[0] == 404


def test_a_thumbnail_is_signed_by_its_own_key(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    thumbnail = {"key": "accepted/anna/u-1/thumbnail/320.webp", "content_type": "image/webp", "size": Decimal(3)}
    item = {"region": "us-west-2", "key": "accepted/anna/u-1/cat.jpg", "name": "cat.jpg", "thumbnail_file": thumbnail}
    monkeypatch.setattr(api.attachments.keys, "get", lambda *_: item)
    asked: list[dict[str, Any]] = []
    with invoked(api, {"url": "https://d.example/x", "expires_at": "soon"}) as stubber:
        stubber.client.meta.events.register(
            "provide-client-params.lambda.Invoke", lambda params, **_: asked.append(dict(params))
        )
        status, answer, _ = call(api, "GET", "/rooms/r/attachments/u-1", variant="thumbnail")
    assert (status, answer["content_type"], answer["size"]) == (200, "image/webp", 3)
    assert json.loads(asked[0]["Payload"])["path"] == "anna/u-1/thumbnail/320.webp"
    del item["thumbnail_file"]
    assert call(api, "GET", "/rooms/r/attachments/u-1", variant="thumbnail")[0] == 404


class Found:
    """Stands for a table that answers one query."""

    def __init__(self, count: int, last: str | None) -> None:
        self.asked: dict[str, Any] = {}
        self._answer: dict[str, Any] = {
            "Items": [
                {
                    "sk": f"ATTACHMENT#u-{number}",
                    "name": "cat.jpg",
                    "content_type": "image/jpeg",
                    "size": Decimal(1),
                    "owner": "anna",
                    "accepted_at": "2026-01-02T03:04:05+00:00",
                }
                for number in range(count)
            ]
        }
        if last:
            self._answer["LastEvaluatedKey"] = {"pk": "ROOM#r", "sk": f"ATTACHMENT#{last}"}

    def query(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        return self._answer


@pytest.mark.parametrize(
    ("count", "last", "shown", "after"),
    [(3, None, 2, "u-1"), (2, None, 2, None), (0, "u-999", 0, "u-999"), (1, "u-999", 1, "u-999")],
    ids=["more than asked for", "exactly all", "a page without a match", "more to look through"],
)
def test_a_search_looks_at_so_many_and_says_where_to_go_on(
    api: ModuleType, monkeypatch: pytest.MonkeyPatch, count: int, last: str | None, shown: int, after: str | None
) -> None:
    table = Found(count, last)
    monkeypatch.setattr(api, "table", table)
    status, answer, _ = call(api, "GET", "/rooms/r/attachments", name="\uff23AT", limit="2", after="u-9")
    assert (status, len(answer["attachments"]), answer["after"]) == (200, shown, after)
    assert table.asked["ExpressionAttributeValues"] == {
        ":room": "ROOM#r",
        ":attachments": "ATTACHMENT#",
        ":name": "cat",
    }
    assert table.asked["ExclusiveStartKey"] == {"pk": "ROOM#r", "sk": "ATTACHMENT#u-9"}
    assert (table.asked["ScanIndexForward"], table.asked["Limit"]) == (False, 1000)


def test_a_list_without_a_filter_reads_no_more_than_it_shows(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "table", Found(2, "u-1"))
    _, answer, _ = call(api, "GET", "/rooms/r/attachments", limit="2")
    assert (api.table.asked["Limit"], answer["after"]) == (2, "u-1")
    assert "FilterExpression" not in api.table.asked


def test_a_search_for_nothing_is_the_clients_mistake(api: ModuleType) -> None:
    assert call(api, "GET", "/rooms/r/attachments", name="")[0] == 422
