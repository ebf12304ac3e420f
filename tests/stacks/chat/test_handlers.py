"""The chat's functions by themselves: one record, one request."""

import io
import json
import re
import sys
from collections.abc import Callable
from decimal import Decimal
from http import HTTPStatus
from itertools import permutations
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from stacks.chat.handlers.domain import channels, rooms
from stacks.chat.handlers.domain import table as keys
from stacks.chat.limits import LimitsConfiguration
from tests.handlers import import_handler
from tests.stacks.chat.memory import MemoryTable
from transactional_outbox.publishing import FirstRecordFailedError

CONTEXT = SimpleNamespace(function_name="f", memory_limit_in_mb=256, invoked_function_arn="arn", aws_request_id="1")
ID = "4bf92f3577b34da6a3ce929d0e0e4736"
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
    "traceparent": f"00-{ID}-00f067aa0ba902b7-01",
}
REALTIME = {
    "transport": "appsync-events",
    "http": "https://a.example/event",
    "websocket": "wss://a.example/event/realtime",
}
MESSAGE_CLOCK = 1_700_000_000_000
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
        "LIMITS": LimitsConfiguration().model_dump_json(),
        "USER_POOL_REGION": "ap-northeast-1",
        "REALTIME": json.dumps(REALTIME),
        "UPLOAD_FUNCTION": "forms",
        "SIGNING_FUNCTIONS": json.dumps({"us-west-2": "Chat-us-west-2-SignDownload"}),
        "ACCEPTED_PREFIX": "accepted/",
        "ATTACHMENT_INDEX": "index",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def import_anew(name: str) -> ModuleType:
        return import_handler(f"stacks.chat.handlers.{name}")

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
                    "Keys": {name: types[str](image[name]) for name in ("pk", "sk") if name in image},
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
        self.reads = 0
        self.requests: list[list[dict[str, Any]]] = []
        self.published: list[dict[str, Any]] = []
        self.refuse: Callable[[dict[str, Any]], bool] = lambda _entry: False
        self.fail: Callable[[list[dict[str, Any]]], str | None] = lambda _entries: None
        read = self.table.batch_get_item

        def batch_get_item(**request: Any) -> dict[str, Any]:
            self.reads += 1
            return read(**request)

        monkeypatch.setattr(self.table, "batch_get_item", batch_get_item)
        monkeypatch.setattr(module, "table", self.table)
        monkeypatch.setattr(module.topic, "client", SimpleNamespace(publish_batch=self._publish))

    def _publish(self, TopicArn: str, PublishBatchRequestEntries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert TopicArn == "arn:aws:sns:us-west-2:000000000000:messages"
        entries = PublishBatchRequestEntries
        self.requests.append(entries)
        if code := self.fail(entries):
            raise ClientError({"Error": {"Code": code}}, "PublishBatch")
        refused = [entry for entry in entries if self.refuse(entry)]
        self.published += [entry for entry in entries if entry not in refused]
        return {"Failed": [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in refused]}

    def handle(self, *images: dict[str, Any]) -> list[str]:
        """Handle changes; return the sequence numbers that are reported."""
        answer = self.module.handler(streamed(*images), CONTEXT)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def see(self, *images: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """Handle changes; return channels and events."""
        assert self.handle(*images) == []
        return self.seen()

    def seen(self) -> list[tuple[str, dict[str, Any]]]:
        """Return channels and events."""
        return [
            (entry["MessageAttributes"]["channel"]["StringValue"], json.loads(entry["Message"]))
            for entry in self.published
        ]

    def texts(self) -> list[str]:
        return [event["message"]["text"] for _, event in self.seen()]

    @property
    def channel(self) -> str:
        channel: str = channels.look_up(self.table, "room-1", "us-west-2")
        return channel


@pytest.fixture
def publisher(load: Load, monkeypatch: pytest.MonkeyPatch) -> Publisher:
    return Publisher(load("publisher"), monkeypatch)


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
            "traceparent": f"00-{ID}-00f067aa0ba902b7-01",
            "sent_at": "1767398399000",
        }.items()
    }


def test_a_message_keeps_the_region_that_accepted_it(publisher: Publisher) -> None:
    publisher.see({**STORED, "region": "ap-northeast-1"})
    # How late it is here is not a matter of this Region's load.
    assert "sent_at" not in publisher.published[0]["MessageAttributes"]
    assert publisher.published[0]["MessageAttributes"]["region"]["StringValue"] == "ap-northeast-1"


def stored(number: int, room: str = "room-1", text: str | None = None) -> dict[str, Any]:
    return {**STORED, "room": room, "pk": f"ROOM#{room}#us-west-2", "text": text or str(number)}


def text_of(entry: dict[str, Any]) -> str:
    text: str = json.loads(entry["Message"])["message"]["text"]
    return text


def test_a_batch_takes_one_read_and_a_request_for_ten_messages(publisher: Publisher) -> None:
    publisher.table.put({"pk": "ROOM#room-2", "sk": "CHANNEL#us-west-2", "generation": "beef", "previous": "0"})
    events = publisher.see(*(stored(number, f"room-{number % 3}") for number in range(25)))
    assert [event["message"]["text"] for _, event in events] == [str(number) for number in range(25)]
    assert [channel for channel, _ in events][:3] == ["/rooms/room-0/0", "/rooms/room-1/0", "/rooms/room-2/beef"]
    assert (publisher.reads, [len(entries) for entries in publisher.requests]) == (1, [10, 10, 5])
    for entries in publisher.requests:
        assert len({entry["Id"] for entry in entries}) == len(entries)


def size_of(entry: dict[str, Any]) -> int:
    attributes = entry["MessageAttributes"].items()
    return len(entry["Message"].encode()) + sum(
        len(name.encode()) + len(value["DataType"].encode()) + len(value["StringValue"].encode())
        for name, value in attributes
    )


@pytest.mark.parametrize("more", [0, 1])
def test_requests_stay_below_the_bytes_that_sns_takes(publisher: Publisher, more: int) -> None:
    # https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html: of all messages together, attributes included.
    largest = 262_144
    publisher.see(stored(0, text="x" * 100_000), stored(1))
    filling, small = map(size_of, publisher.published)
    publisher.requests.clear()
    publisher.see(stored(0, text="x" * (100_000 + largest - filling - small + more)), stored(1))
    assert [len(entries) for entries in publisher.requests] == ([1, 1] if more else [2])
    assert all(sum(map(size_of, entries)) <= largest for entries in publisher.requests)


def test_a_message_that_is_too_large_goes_alone(publisher: Publisher) -> None:
    publisher.see(stored(0), stored(1, text="x" * 300_000), stored(2))
    assert [len(entries) for entries in publisher.requests] == [1, 1, 1]


def test_lambda_tries_again_from_the_first_message_that_sns_refused(publisher: Publisher) -> None:
    publisher.refuse = lambda entry: text_of(entry) in {"3", "12"}
    assert publisher.handle(*(stored(number) for number in range(15))) == ["3"]
    assert publisher.texts() == [str(number) for number in range(15) if number not in {3, 12}]


def test_a_request_that_fails_is_tried_again_and_the_others_go_out(publisher: Publisher) -> None:
    publisher.fail = lambda entries: "Throttled" if text_of(entries[0]) == "10" else None
    assert publisher.handle(*(stored(number) for number in range(25))) == ["10"]
    assert publisher.texts() == [str(number) for number in range(25) if not 10 <= number < 20]
    assert len(publisher.requests) == 3, "a topic that throttles is not asked for each message"


def test_an_entry_that_spoils_its_request_fails_alone(publisher: Publisher) -> None:
    publisher.fail = lambda entries: "InvalidParameter" if "3" in map(text_of, entries) else None
    assert publisher.handle(*(stored(number) for number in range(6))) == ["3"]
    assert publisher.texts() == ["0", "1", "2", "4", "5"]


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"pk": "elsewhere", "sk": "MESSAGE#1"},
        {"pk": ROOM, "sk": "SURPRISE#1"},
        {"pk": ROOM, "sk": "MESSAGE#000000000007", "text": "nothing else"},
    ],
    ids=["empty", "no room", "an unknown kind", "fields are missing"],
)
def test_a_record_that_makes_no_event_stops_no_other(publisher: Publisher, bad: dict[str, Any]) -> None:
    assert publisher.handle(stored(0), bad, stored(2)) == ["1"]
    assert publisher.texts() == ["0", "2"]


def test_a_batch_whose_first_record_fails_is_halved_by_lambda(publisher: Publisher) -> None:
    # Were the record reported, the same batch would come again with all that is good in it, for an hour.
    with pytest.raises(FirstRecordFailedError):
        publisher.handle({}, stored(1))
    assert publisher.texts() == ["1"]


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


def test_every_leaving_in_a_batch_moves_the_room_at_its_place(publisher: Publisher) -> None:
    left = membership(left_at="now", left_in="ap-northeast-1")
    other = stored(9, "room-2")
    channels = [channel for channel, _ in publisher.see(STORED, left, STORED, other, left, STORED, STORED)]
    first, second, elsewhere, third, fourth = channels
    assert (first, elsewhere) == ("/rooms/room-1/0", "/rooms/room-2/0")
    assert third == fourth == publisher.channel
    assert len({first, second, third}) == 3
    assert publisher.reads == 1


def test_nothing_goes_to_a_channel_that_a_room_should_have_left(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(**_: object) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")

    monkeypatch.setattr(publisher.table, "update_item", throttled)
    left = membership(left_at="now", left_in="ap-northeast-1")
    assert publisher.handle(stored(0), left, stored(2), stored(3, "room-2")) == ["1"]
    assert publisher.texts() == ["0", "3"]


def test_the_announcement_of_a_channel_needs_no_read(publisher: Publisher) -> None:
    moved = {"pk": ROOM, "sk": "CHANNEL#us-west-2", "generation": "beef", "previous": "0"}
    assert publisher.see(moved) == [("/rooms/room-1/0", {"kind": "members"})]
    assert publisher.reads == 0


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


CHANGED = {
    "kind": "edit",
    "room": "room-1",
    "region": "ap-northeast-1",
    "sequence": 3,
    "clock": 5,
    "id": "c-3",
    "message": "m-7",
    "author": "anna",
    "text": "hello",
    "emoji": "",
    "changed_at": "2026-01-02T23:59:59.000+00:00",
}


def changed(**more: Any) -> dict[str, Any]:
    return {**CHANGED, "pk": f"{ROOM}#ap-northeast-1.changes", "sk": "CHANGE#000000000003", **more}


def test_a_change_of_a_message_is_announced_with_the_region_that_accepted_it(publisher: Publisher) -> None:
    assert publisher.see(changed()) == [("/rooms/room-1/0", {"kind": "change", "change": CHANGED})]
    attributes = publisher.published[0]["MessageAttributes"]
    assert (attributes["kind"]["StringValue"], attributes["region"]["StringValue"]) == ("change", "ap-northeast-1")


def test_a_change_of_a_kind_that_is_not_known_stops_no_other(publisher: Publisher) -> None:
    assert publisher.handle(stored(0), changed(kind="colour"), stored(2)) == ["1"]


def test_what_was_deleted_is_removed_from_what_this_region_keeps(publisher: Publisher) -> None:
    here, edits = f"{ROOM}#us-west-2", f"{ROOM}#us-west-2.changes"
    publisher.table.put(
        {**STORED, "attachments": ["u-1", "u-2"]},
        {"pk": here, "sk": "NOTE#m-7", "sequence": 7, "edit": {"text": "x"}, "edits": [1, 9], "reactions": {}},
        {"pk": edits, "sk": "CHANGE#000000000001", "text": "an edit"},
    )
    for _ in range(2):
        publisher.see(changed(kind="deletion", text=""))
    note = publisher.table.items[here, "NOTE#m-7"]
    assert (note["deletion"]["by"], note["deletion"]["region"]) == ("anna", "ap-northeast-1")
    assert note.keys().isdisjoint({"edit", "reactions"})
    message = publisher.table.items[STORED["pk"], STORED["sk"]]
    assert (message["text"], message["attachments"], message["author"]) == ("", [], MESSAGE["author"])
    assert publisher.table.items[edits, "CHANGE#000000000001"]["text"] == ""
    # Its files are withdrawn, in the name of the author: with an id of somebody else's file nothing is done.
    withdrawn = {key for key in publisher.table.items if key[1].startswith("WITHDRAWN#")}
    assert withdrawn == {(ROOM, f"WITHDRAWN#{upload}#{MESSAGE['author']}") for upload in ("u-1", "u-2")}
    # An edit that is not there is not made.
    assert (edits, "CHANGE#000000000009") not in publisher.table.items


def test_a_deletion_that_could_not_be_carried_out_is_delivered_again(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")

    monkeypatch.setattr(publisher.table, "update_item", throttled)
    assert publisher.handle(stored(0), changed(kind="deletion", text="")) == ["1"]


def test_a_thumbnail_is_announced(publisher: Publisher) -> None:
    item = {"pk": ROOM, "sk": "ATTACHMENT#u-1", "name": "cat.jpg"}
    assert publisher.see(item) == [("/rooms/room-1/0", {"kind": "attachment", "id": "u-1", "thumbnail": True})]


def subscription(channel: str, user: str = "anna", *, by_id_token: bool = False) -> dict[str, Any]:
    segments = channel.strip("/").split("/")
    return {
        "identity": {
            "sub": user,
            "username": user,
            "claims": {"sub": user, "token_use": "id" if by_id_token else "access"},
        },
        "info": {
            "operation": "SUBSCRIBE",
            "channel": {"path": channel, "segments": segments},
            "channelNamespace": {"name": segments[0]},
        },
        "events": None,
    }


def test_members_may_listen_on_the_present_channel_only(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = load("subscriptions")
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
        subscription(now, by_id_token=True),
        subscription(f"/rooms/{room}/*"),
        subscription("/rooms/*"),
        subscription(f"/rooms/{uuid4()}/0"),
        subscription(f"/elsewhere/{room}/0"),
    ]
    assert {json.dumps(handler.handler(event, CONTEXT)) for event in refused} == {json.dumps(handler.REFUSED)}


class Archive:
    """The archiver, and the objects that it wrote."""

    def __init__(self, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.module = module
        self.objects: dict[str, bytes] = {}
        monkeypatch.setattr(module, "s3", SimpleNamespace(put_object=self._put))

    def _put(self, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:  # noqa: N803 - as boto3 has it
        assert (Bucket, ContentType) == ("archive", "application/jsonl")
        self.objects[Key] = Body

    def keep(self, *messages: dict[str, Any] | str) -> list[str]:
        """Let a batch come; return which of its records are to be delivered again."""
        bodies = [one if isinstance(one, str) else json.dumps({"kind": "message", "message": one}) for one in messages]
        failures = self.module.handler(queued(*bodies), CONTEXT)["batchItemFailures"]
        return [failure["itemIdentifier"] for failure in failures]

    def kept(self) -> list[list[dict[str, Any]]]:
        return [[json.loads(line) for line in body.splitlines()] for body in self.objects.values()]


@pytest.fixture
def archive(load: Load, monkeypatch: pytest.MonkeyPatch) -> Archive:
    return Archive(load("message_archive"), monkeypatch)


def said(sequence: int, **more: Any) -> dict[str, Any]:
    return {**MESSAGE, "id": f"m-{sequence}", "sequence": sequence, "clock": MESSAGE_CLOCK + sequence, **more}


def test_the_archive_keeps_a_batch_in_one_object_in_the_order_of_readers(archive: Archive) -> None:
    first, second = said(7), said(8, posted_at="2026-01-03T00:00:01.000+00:00", text="a\nb \u2028")
    assert archive.keep(second, first) == []
    ((key, body),) = archive.objects.items()
    assert re.fullmatch(r"messages/2026/01/02/23/[0-9a-f]{32}\.jsonl", key)
    assert [json.loads(line) for line in body.decode().split("\n")[:-1]] == [first, second]
    assert "héllo".encode() in body


def test_an_object_is_never_in_a_later_hour_than_its_messages(archive: Archive) -> None:
    # Clocks of a room never go back, so one may run ahead of the time.
    archive.keep(said(7, posted_at="2026-01-03T00:00:00.000+00:00"), said(8, posted_at="2026-01-02T23:59:59.999+00:00"))
    (key,) = archive.objects
    assert key.startswith("messages/2026/01/02/23/")


def test_the_same_batch_is_the_same_object_whatever_order_it_comes_in(archive: Archive) -> None:
    batch = [said(number) for number in range(5)]
    for order in (batch, batch[::-1], [*batch, batch[2]]):
        archive.keep(*order)
        assert archive.kept() == [batch]
    archive.keep(*batch[:4])
    assert len(archive.objects) == 2


def test_both_of_a_message_that_two_regions_accepted_are_kept(archive: Archive) -> None:
    here, there = said(7), said(7, region="ap-northeast-1", text="the other")
    for batch in ([here], [there], [here, there]):
        archive.keep(*batch)
    assert archive.kept() == [[here], [there], [there, here]]


@pytest.mark.parametrize("kind", ["edit", "deletion", "reaction"])
def test_the_archive_keeps_changes_beside_messages(archive: Archive, kind: str) -> None:
    message, change = said(7), {**CHANGED, "kind": kind, "clock": MESSAGE_CLOCK + 9}
    assert archive.keep(json.dumps({"kind": "change", "change": change}), message) == []
    assert archive.kept() == [[message, change]]
    # The same numbers in the logs of messages and of changes are two.
    archive.objects.clear()
    same = {**CHANGED, "region": message["region"], "sequence": 7, "clock": message["clock"]}
    archive.keep(message, json.dumps({"kind": "change", "change": same}))
    (lines,) = archive.kept()
    assert len(lines) == 2


def test_what_is_no_message_fails_alone(archive: Archive) -> None:
    lone_surrogate = json.dumps({"message": said(3, text="\ud800")})
    assert archive.keep("not a message", said(1), "{}", json.dumps({"message": {"id": "m-2"}}), lone_surrogate) == [
        "0",
        "2",
        "3",
        "4",
    ]
    assert archive.kept() == [[said(1)]]


def test_a_batch_of_nothing_else_writes_nothing(archive: Archive) -> None:
    assert archive.keep("not a message") == ["0"]
    assert archive.objects == {}


def test_what_the_archive_could_not_write_is_delivered_again(load: Load) -> None:
    archive = load("message_archive")
    batch = queued("not a message", json.dumps(EVENT))
    with Stubber(archive.s3) as s3:
        s3.add_client_error("put_object", "AccessDenied")
        with pytest.raises(ClientError, match="AccessDenied"):
            archive.handler(batch, CONTEXT)


ACCEPTED = {
    "upload_id": "u-1",
    "owner": "anna",
    "bucket": "b",
    "version_id": "v-1",
    "region": "us-west-2",
    "key": "accepted/anna/u-1/\uff23at.jpg",
    "size": 12,
    "content_type": "image/jpeg",
    "name": "\uff23at.jpg",
    "metadata": {"room": "room-1"},
    "accepted_at": "2026-01-02T03:04:05+00:00",
}
WITH_THUMBNAIL = {**ACCEPTED, "thumbnail": {"key": "accepted/anna/u-1/thumbnail/320.webp", "size": 3}}


class Recorder:
    """The recorder, a room with Anna in it, and the files that it deletes."""

    def __init__(self, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.module = module
        self.table = MemoryTable()
        self.deleted: list[dict[str, str]] = []
        self.enter()
        monkeypatch.setattr(module, "table", self.table)
        monkeypatch.setattr(module, "s3", SimpleNamespace(delete_object=lambda **which: self.deleted.append(which)))

    def enter(self, **left: str) -> None:
        self.table.put({"pk": "ROOM#room-1", "sk": "MEMBER#anna", "user": "anna", "room": "room-1", **left})

    def receive(self, *uploads: dict[str, Any]) -> list[str]:
        """Let messages come; return which of them are to be delivered again."""
        answer = self.module.handler(queued(*map(json.dumps, uploads)), CONTEXT)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    @property
    def item(self) -> dict[str, Any] | None:
        return self.table.items.get(("ROOM#room-1", "ATTACHMENT#u-1"))


@pytest.fixture
def recorder(load: Load, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    return Recorder(load("attachment_recorder"), monkeypatch)


def test_the_recorder_puts_an_upload_into_its_room(recorder: Recorder) -> None:
    assert recorder.receive(ACCEPTED, {**ACCEPTED, "metadata": {}}) == ["1"]
    item = recorder.item
    assert item is not None
    assert item["region"] == "us-west-2"
    assert (item["search_name"], "thumbnail" in item) == ("cat.jpg", False)
    # The index of memberships holds every item that has both.
    assert not {"user", "room"} <= set(item)


@pytest.mark.parametrize("order", list(permutations([ACCEPTED, WITH_THUMBNAIL, ACCEPTED])))
def test_upload_and_thumbnail_may_be_recorded_in_any_order(
    recorder: Recorder, order: tuple[dict[str, Any], ...]
) -> None:
    recorder.receive(*order)
    assert recorder.item is not None
    assert recorder.item["thumbnail"] is True
    assert recorder.item["thumbnail_file"] == WITH_THUMBNAIL["thumbnail"]
    assert recorder.item["key"] == ACCEPTED["key"]


def test_the_file_of_who_has_left_is_deleted_and_recorded_nowhere(recorder: Recorder) -> None:
    recorder.enter(left_at="now", left_in="ap-northeast-1")
    before = dict(recorder.table.items)
    assert recorder.receive(ACCEPTED, WITH_THUMBNAIL, {**ACCEPTED, "owner": "mallory"}) == []
    assert recorder.table.items == before
    file = {"Bucket": "b", "Key": ACCEPTED["key"], "VersionId": "v-1"}
    assert recorder.deleted == [file, file, {"Bucket": "b", "Key": WITH_THUMBNAIL["thumbnail"]["key"]}, file]


def test_an_attachment_stays_and_gets_its_thumbnail_after_its_owner_left(recorder: Recorder) -> None:
    recorder.receive(ACCEPTED)
    recorder.enter(left_at="now", left_in="ap-northeast-1")
    assert recorder.receive(WITH_THUMBNAIL) == []
    assert recorder.item is not None
    assert (recorder.item["thumbnail"], recorder.deleted) == (True, [])


def request(method: str, path: str, body: object = None, **query: str) -> dict[str, Any]:
    return {
        "version": "2.0",
        "rawPath": path,
        "queryStringParameters": query,
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "http": {"method": method, "path": path},
            "timeEpoch": 1_800_000_000_000,
            "stage": "$default",
            "authorizer": {"jwt": {"claims": {"sub": "anna"}}},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


@pytest.fixture
def api(load: Load, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The API of somebody who is in every room, with an empty table."""
    module = load("api")
    monkeypatch.setattr(rooms, "require_member", lambda *_: None)
    use(module, MemoryTable(), monkeypatch)
    return module


def use(api: ModuleType, table: MemoryTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the API work on a table."""
    work = service(api)
    monkeypatch.setattr(work, "table", table)
    monkeypatch.setattr(work.log.items, "table", table)
    for owner in (work.accounts, work.budgets, work.markers):
        monkeypatch.setattr(owner, "_table", table)


def service(api: ModuleType) -> Any:
    """Return what the routes of the API work with."""
    return api.rooms.service


def of_attachments(api: ModuleType) -> Any:
    """Return the module behind the routes of attachments."""
    return sys.modules[service(api).Attachments.__module__]


def call(
    api: ModuleType, method: str, path: str, body: object = None, **query: str
) -> tuple[int, dict[str, Any], dict[str, str]]:
    answer = api.handler(request(method, path, body, **query), CONTEXT)
    return int(answer["statusCode"]), json.loads(answer["body"]), answer["headers"]


def problem(api: ModuleType, name: str) -> Exception:
    """Return an error that the API explains to clients."""
    (kind,) = [kind for kind in api.PROBLEMS if kind.__name__ == name]
    error: Exception = kind()
    return error


def test_a_busy_room_asks_the_client_to_come_back(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object, **__: object) -> None:
        raise problem(api, "RoomBusyError")

    monkeypatch.setattr(service(api).log, "append", busy)
    status, body, headers = call(api, "POST", "/rooms/r/messages", {"text": "x", "client_message_id": "1"})
    assert (status, headers["Retry-After"]) == (503, "1")
    assert "nothing was stored" in body["message"]


@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException"])
def test_a_throttled_read_asks_the_client_to_come_back(
    api: ModuleType, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    def throttled(*_: object, **__: object) -> None:
        raise ClientError({"Error": {"Code": code}}, "BatchGetItem")

    monkeypatch.setattr(service(api).log, "append", throttled)
    status, body, headers = call(api, "POST", "/rooms/r/messages", {"text": "x", "client_message_id": "1"})
    assert (status, headers["Retry-After"]) == (503, "1")
    assert "call again" in body["message"]


def test_another_refusal_of_aws_is_a_bug_and_raised(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "BatchGetItem")

    monkeypatch.setattr(service(api).log, "append", denied)
    with pytest.raises(ClientError, match="AccessDenied"):
        call(api, "POST", "/rooms/r/messages", {"text": "x", "client_message_id": "1"})


def test_posting_to_a_room_of_others_answers_as_if_there_were_none(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    api, table = load("api"), MemoryTable()
    use(api, table, monkeypatch)
    room = rooms.create(table, "ben", "Lobby")["room"]
    before = dict(table.items)
    body = {"text": "x", "client_message_id": "1"}
    answers = [call(api, "POST", f"/rooms/{place}/messages", body)[:2] for place in (room, "nowhere")]
    assert answers[0] == answers[1]
    assert (answers[0][0], table.items) == (404, before)


def test_a_session_tells_a_client_all_that_it_needs(api: ModuleType) -> None:
    first = call(api, "POST", "/session", {"name": " Anna "})[1]
    assert first == {
        "region": "us-west-2",
        "user": "anna",
        "name": "Anna",
        "realtime": REALTIME,
        "heartbeat_seconds": 60,
        "web_push_key": None,
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
        raise rooms.RoomChangedError

    def busy(*_: object) -> None:
        raise problem(api, "MarkerBusyError")

    monkeypatch.setattr(rooms, "leave", changed)
    monkeypatch.setattr(service(api).markers, "mark", busy)
    for answer in (
        call(api, "DELETE", "/rooms/r/members/me"),
        call(api, "PUT", "/rooms/r/read", {"cursor": ""}),
    ):
        assert (answer[0], answer[2]["Retry-After"]) == (503, "1")


def invoked(api: ModuleType, payload: object, *, error: bool = False) -> Stubber:
    """Let the function behind the API answer."""
    of_attachments(api)._functions.cache_clear()
    stubber = Stubber(of_attachments(api)._functions("us-west-2"))
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
        pytest.raises(of_attachments(api).FunctionFailedError, match="forms: KeyError"),
    ):
        call(api, "POST", "/rooms/r/uploads", body)


def stored_only(item: dict[str, Any]) -> Callable[..., dict[str, Any] | None]:
    """Return a read of the table that has an attachment and nothing else."""
    return lambda _table, key: item if key[1].startswith("ATTACHMENT#") else None


@pytest.mark.parametrize(("owner", "status"), [("anna", 404), ("ben", 200)])
def test_a_file_of_a_deleted_message_is_withdrawn_if_its_author_is_the_owner(
    api: ModuleType, monkeypatch: pytest.MonkeyPatch, owner: str, status: int
) -> None:
    table = MemoryTable()
    file = {"region": "us-west-2", "owner": owner, "key": "accepted/u-1", "name": "a", "content_type": "image/png"}
    table.put(
        keys.as_key(keys.attachment_key("r", "u-1")) | file | {"size": Decimal(1)},
        # Anna has named the file in a message, and deleted the message.
        keys.as_key(keys.withdrawn_key("r", "u-1", "anna")) | {"message_id": "m"},
    )
    monkeypatch.setattr(service(api), "table", table)
    if status == HTTPStatus.OK:
        with invoked(api, {"url": "https://d.example/x", "expires_at": "soon"}):
            assert call(api, "GET", "/rooms/r/attachments/u-1")[0] == status
    else:
        assert call(api, "GET", "/rooms/r/attachments/u-1")[0] == status


def test_a_download_is_signed_where_the_file_is(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    item = {
        "region": "us-west-2",
        "owner": "anna",
        "key": "accepted/anna/u-1/cat.jpg",
        "name": "cat.jpg",
        "content_type": "image/jpeg",
        "size": Decimal(12),
    }
    monkeypatch.setattr(of_attachments(api).keys, "get", stored_only(item))
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
    item = {"region": "eu-west-1", "owner": "anna"}
    monkeypatch.setattr(of_attachments(api).keys, "get", stored_only(item))
    assert call(api, "GET", "/rooms/r/attachments/u-1")[0] == 404


def test_a_thumbnail_is_signed_by_its_own_key(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    thumbnail = {"key": "accepted/anna/u-1/thumbnail/320.webp", "content_type": "image/webp", "size": Decimal(3)}
    item = {
        "region": "us-west-2",
        "owner": "anna",
        "key": "accepted/anna/u-1/cat.jpg",
        "name": "cat.jpg",
        "thumbnail_file": thumbnail,
    }
    monkeypatch.setattr(of_attachments(api).keys, "get", stored_only(item))
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


def test_a_record_that_cannot_be_read_is_logged_by_its_key_and_place(
    publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    unreadable = stored(2)
    del unreadable["author"]
    assert publisher.handle(stored(1), unreadable, stored(3)) == ["1"]
    (line,) = [vars(record) for record in caplog.records if record.msg == "records failed"]
    assert (line["sequence_number"], line["room"]) == ("1", "room-1")
    assert line["key"] == {"pk": unreadable["pk"], "sk": unreadable["sk"]}
