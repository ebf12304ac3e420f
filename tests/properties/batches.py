"""Every handler of a queue, with a message that it can work on."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest
import urllib3
from PIL import Image

from tests.properties.aws import World, refusal
from tests.properties.events import sqs
from tests.properties.running import Subject

TOPIC = "arn:aws:sns:us-east-1:111122223333:topic"
QUEUE = "https://sqs.us-east-1.amazonaws.com/111122223333/queue"
LATER = 4_000_000_000_000


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A handler of a queue."""

    subject: Subject
    healthy: Callable[[str], Any]
    """Returns the document of a message that is worked on, with a mark in it."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    fifo: bool = False
    inside: str | None = None
    """The field of the document that is JSON itself."""
    known: tuple[str, ...] = ()
    """Bodies that once were more than their own problem."""

    def record(self, name: str, body: str, **attributes: str) -> dict[str, Any]:
        """Return a record with a body."""
        return sqs(name, body, fifo=self.fifo, **{**self.attributes, **attributes})


def _picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "JPEG")
    return file.getvalue()


PICTURE = _picture()


def _object_event(mark: str, prefix: str) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "e",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "region": "us-east-1",
        "detail": {
            "bucket": {"name": "bucket"},
            "object": {"key": f"{prefix}u1/{mark}/a.jpg", "size": len(PICTURE), "sequencer": "00A1", "etag": "e"},
        },
    }


def _of_source_only(parameters: Any) -> dict[str, Any]:
    """Answer for a site that lacks each of its files."""
    if parameters["Bucket"] != "source":
        raise refusal("404", "HeadObject")
    return {"ETag": '"e"', "ContentLength": 7, "Metadata": {}, "VersionId": "v1"}


SITE = {
    "BUCKET": "site",
    "SOURCE_BUCKET": "source",
    "DISTRIBUTION_ID": "E1",
    "PAUSE_PARAMETER": "pause",
    "LONGEST_PAUSE_S": "3600",
    "IGNORED_PREFIXES": '["reports/"]',
    "ENCRYPTION": '["AES256", ""]',
    "OWN_ROLES": '["arn:aws:iam::111122223333:role/deployment"]',
}
NO_PAUSE = {"Parameter": {"Value": "none", "LastModifiedDate": datetime(2026, 1, 2, tzinfo=UTC)}}
SITE_REPAIR = Subject(
    package="cdp_constructs.delivery.handlers.site_repair",
    environment=SITE,
    world=lambda: World(answers={"s3.HeadObject": _of_source_only, "s3.CopyObject": {}, "ssm.GetParameter": NO_PAUSE}),
)


class _Every(dict[str, Any]):
    """Has an object of every key that S3 can have."""

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and 0 < len(key.encode()) <= 1024 and not key.startswith("accepted/")

    def __missing__(self, key: str) -> dict[str, Any]:
        return {
            "Body": PICTURE,
            "ContentLength": len(PICTURE),
            "ContentType": "image/jpeg",
            "ETag": '"e"',
            "LastModified": datetime(2026, 1, 2, tzinfo=UTC),
            "Metadata": {"traceparent": "x", "room": "room"},
            "VersionId": "v1",
        }


class _Stored(_Every):
    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self, key) or super().__contains__(key)


def _files(**more: Any) -> Callable[[], World]:
    def world() -> World:
        made = World(**more)
        made.objects = _Stored()
        return made

    return world


def _upload(mark: str) -> dict[str, Any]:
    return {
        "upload_id": mark,
        "owner": "u1",
        "bucket": "bucket",
        "region": "us-east-1",
        "key": f"incoming/u1/{mark}/a.jpg",
        "size": len(PICTURE),
        "content_type": "image/jpeg",
        "etag": "e",
        "version_id": "v1",
        "name": "a.jpg",
        "metadata": {"room": "room"},
        "accepted_at": "2026-01-02T03:04:05.678+00:00",
    }


def _alert(mark: str) -> dict[str, Any]:
    return {
        "alert_id": f"{mark}/dry/1800000000000/crossed",
        "threshold": "dry",
        "state": "crossed",
        "thing": mark,
        "context": "home",
        "type": "sensor",
        "measure": "humidity",
        "value": 12.5,
        "limit": 30,
        "at": 1_800_000_000_000,
    }


def message(mark: str) -> dict[str, Any]:
    """Return a message of the chat."""
    return {
        "room": f"room-{mark}",
        "region": "us-east-1",
        "sequence": 7,
        "clock": 1_700_000_000_000,
        "id": mark,
        "author": "anna",
        "client_message_id": "c-1",
        "text": "héllo",
        "attachments": ["u-1"],
        "posted_at": "2026-01-02T23:59:59.000+00:00",
    }


def _chat_items(key: Mapping[str, Any]) -> dict[str, Any] | None:
    if key.get("sk", "").startswith("MEMBER#"):
        return {"user": "u1", "room": "room"}
    return {"name": "Anna"} if key.get("sk") in {"ROOM", "PROFILE"} else None


def _members(parameters: Any) -> dict[str, Any]:
    values = parameters["ExpressionAttributeValues"]
    if values.get(":low", {}).get("S") == "MEMBER#":
        return {"Items": [{"sk": {"S": "MEMBER#bert"}, "user": {"S": "bert"}}]}
    return {"Items": []}


def _waiting(key: Mapping[str, Any]) -> dict[str, Any] | None:
    if not key.get("sk", "").startswith("TOPIC#"):
        return {"mail": True, "address": "anna@example.com", "unsubscribe_token": "t"}
    # A timer has the name of its topic here, so that every healthy message finds its own.
    topic = key["sk"].removeprefix("TOPIC#")
    notice = {"notice_id": topic, "at_ms": 1, "title": "T", "body": topic, "link": "https://a.example/x"}
    return {
        "timer": topic,
        "due_ms": 1,
        "sending": [notice],
        "sending_count": 1,
        "sending_last_ms": 1,
        "pending": [],
        "pending_count": 0,
    }


def _tracked(mark: str) -> dict[str, Any]:
    return {
        "id": mark,
        "received_at": "2026-01-02T03:04:05.678+00:00",
        "body": json.dumps({"action": "opened", "issue": {"id": mark, "title": "It leaks", "body": None}}),
    }


def _backlog(method: str, url: str, **_options: Any) -> tuple[int, bytes]:
    if method == "POST" or "/comments" in url:
        return 200, b"[]"
    return 200, json.dumps({"issueKey": url.partition("/issues/")[2].partition("?")[0], "summary": "state d"}).encode()


def _asked(mark: str) -> dict[str, Any]:
    body = {"id": 1, "type": 1, "project": {"projectKey": mark}, "content": {"id": 1, "key_id": 2}}
    return {"id": mark, "body": json.dumps(body), "replay": None}


_NOTICES = json.dumps({"table": "people", "platforms": {}})
_CHAT = {
    "TABLE_NAME": "chat",
    "TOPIC_ARN": TOPIC,
    "BUCKET_NAME": "archive",
    "NOTICES_QUEUE": QUEUE,
    "WEB_ADDRESS": "https://chat.example",
}
_LIBRARY = "cdp_constructs"


def _told(kind: str, mark: str) -> dict[str, Any]:
    """Return an event of one of the services, with all that any of them reads."""
    return {
        "specversion": "1.0",
        "id": mark,
        "source": f"/{kind.partition('.')[0]}",
        "type": kind,
        "subject": mark,
        "time": "2027-01-15T12:00:00Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:events:any:1.0",
        "data": {"order": mark, "sku": "book", "quantity": 1, "total": 5, "customer": "anna", "reason": "none left"},
    }


def _service(name: str, kind: str) -> Batch:
    return Batch(
        subject=Subject(package=f"stacks.services.handlers.{name}", environment={"OUTBOX_TABLE": name}),
        healthy=lambda mark: _told(kind, mark),
    )


def _zabbix(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what Zabbix gets stand among the calls, as a request."""

    def send(values: object) -> int:
        urllib3.PoolManager().request("POST", "zabbix", body=repr(values))
        return 0

    monkeypatch.setattr(module.zabbix, "send", send)


def _changed(mark: str) -> dict[str, Any]:
    """Return what CloudWatch says of an alarm."""
    return {
        "AlarmName": mark,
        "AlarmDescription": "Look at the shop",
        "NewStateValue": "ALARM",
        "StateChangeTime": "2027-01-15T08:00:00.123+0000",
        "OldStateValue": "OK",
    }


BATCHES = {
    f"{_LIBRARY}/upload/handlers/confirmation": Batch(
        subject=Subject(
            package="cdp_constructs.upload.handlers.confirmation",
            environment={
                "ACCEPTED_PREFIX": "accepted/",
                "CONTENT_TYPES": '["image/jpeg"]',
                "MAX_BYTES": "1000000",
                "QUARANTINE_PREFIX": "quarantine/",
                "TEXT_ENCODINGS": '["utf-8"]',
                "TOPIC_ARN": TOPIC,
            },
            world=_files(),
        ),
        known=tuple(
            json.dumps(_object_event("bad", "incoming/")).replace("incoming/u1/bad/a.jpg", key)
            for key in (
                "incoming//bad/a.jpg",
                "incoming/u1/bad/",
                "incoming/a\\u0001/bad/a.jpg",
                "incoming/" + "k" * 1015,
            )
        ),
        healthy=lambda mark: _object_event(mark, "incoming/"),
    ),
    f"{_LIBRARY}/upload/handlers/thumbnails": Batch(
        subject=Subject(
            package="cdp_constructs.upload.handlers.thumbnails",
            environment={"DECODING_SECONDS": "10", "PIXELS": "32", "TOPIC_ARN": TOPIC},
            world=_files(),
        ),
        known=(json.dumps({**_upload("bad"), "extra": 0}).replace('"extra": 0', '"extra": 1e999'),),
        healthy=_upload,
    ),
    f"{_LIBRARY}/realtime/handlers/publishing": Batch(
        subject=Subject(
            package="cdp_constructs.realtime.handlers.publishing",
            environment={"HTTP_DOMAIN": "a.example"},
        ),
        healthy=lambda mark: {"id": mark},
        attributes={"channel": "/rooms/one"},
    ),
    f"{_LIBRARY}/realtime/handlers/web_socket_publishing": Batch(
        subject=Subject(
            package="cdp_constructs.realtime.handlers.web_socket_publishing",
            environment={"TABLE_NAME": "subscriptions", "CALLBACK_URL": "https://a.example/live"},
            world=lambda: World(answers={"dynamodb.Query": lambda _: {"Items": [{"connection": {"S": "c"}}]}}),
        ),
        healthy=lambda mark: {"id": mark},
        attributes={"channel": "/rooms/one"},
    ),
    f"{_LIBRARY}/messaging/handlers/intake": Batch(
        subject=Subject(
            package="cdp_constructs.messaging.handlers.intake",
            environment={"TIMER_QUEUE": QUEUE, "WAITING_TABLE": "waiting"},
        ),
        healthy=lambda mark: {
            "notice_id": mark,
            "user": "anna",
            "topic": mark,
            "title": "Title",
            "body": "Body",
            "link": "https://a.example/x",
            "language": "en",
        },
    ),
    f"{_LIBRARY}/messaging/handlers/delivery": Batch(
        subject=Subject(
            package="cdp_constructs.messaging.handlers.delivery",
            environment={
                "WAITING_TABLE": "waiting",
                "TIMER_QUEUE": QUEUE,
                "SENDER": "Chat <chat@example.com>",
                "UNSUBSCRIBE_URL": "https://a.example/u",
                "CONFIGURATION_SET": "set",
                "NOTICES": _NOTICES,
            },
            world=lambda: World(find=_waiting),
        ),
        known=(json.dumps({"user": "anna", "topic": "bad", "timer": "bad", "due_ms": 10**20}),),
        healthy=lambda mark: {"user": "anna", "topic": mark, "timer": mark, "due_ms": 1},
    ),
    f"{_LIBRARY}/messaging/handlers/feedback": Batch(
        subject=Subject(package="cdp_constructs.messaging.handlers.feedback", environment={"NOTICES": _NOTICES}),
        healthy=lambda mark: {
            "detail-type": "Email Bounced",
            "source": "aws.ses",
            "detail": {
                "eventType": "Bounce",
                "mail": {"headers": [{"name": "X-Correlation-Id", "value": "4bf92f3577b34da6a3ce929d0e0e4736"}]},
                "bounce": {
                    "bounceType": "Permanent",
                    "bouncedRecipients": [{"emailAddress": f"{mark}@example.com"}],
                },
            },
        },
    ),
    f"{_LIBRARY}/data/handlers/storage_index": Batch(
        subject=Subject(
            package="cdp_constructs.data.handlers.storage_index",
            environment={"BUCKET": "bucket", "PREFIX": "", "TABLE_NAME": "index"},
            world=_files(),
        ),
        healthy=lambda mark: _object_event(mark, ""),
    ),
    f"{_LIBRARY}/delivery/handlers/site_repair": Batch(
        subject=SITE_REPAIR,
        healthy=lambda mark: _object_event(mark, ""),
        known=(json.dumps({"detail-type": "AWS API Call via CloudTrail", "detail": {"userIdentity": "root"}}),),
    ),
    f"{_LIBRARY}/iot/handlers/certificates": Batch(
        subject=Subject(
            package="cdp_constructs.iot.handlers.certificates",
            environment={
                "ALLOW_LIST": "devices",
                "CERTIFICATES": "arn:aws:iot:us-east-1:111122223333:cert",
                "GROUPS": '{"home": "group"}',
                "POLICIES": '["policy"]',
                "THING_TYPE": "type",
            },
            world=lambda: World(
                find=lambda _key: {"next_certificate_id": "a" * 64, "context": "home"},
                answers={"iot.DescribeCertificate": {"certificateDescription": {"certificatePem": "no certificate"}}},
            ),
        ),
        healthy=lambda mark: {"thing": mark, "certificate_id": "a" * 64},
    ),
    f"{_LIBRARY}/iot/handlers/outcomes": Batch(
        subject=Subject(package="cdp_constructs.iot.handlers.outcomes", environment={"SESSIONS": "sessions"}),
        healthy=lambda mark: {
            "session": mark,
            "thing": "d",
            "context": "home",
            "status": "succeeded",
            "result": {"a": 1},
            "reason": "why",
        },
    ),
    f"{_LIBRARY}/operations/handlers/zabbix": Batch(
        subject=Subject(
            package="cdp_constructs.operations.handlers.zabbix",
            environment={
                "TOPIC_ARN": TOPIC,
                "ZABBIX_ADDRESS": "zabbix.example.com",
                "ZABBIX_HOST": "shop",
                "ZABBIX_PORT": "10051",
            },
            prepare=_zabbix,
        ),
        healthy=_changed,
    ),
    f"{_LIBRARY}/workflow/handlers/starter": Batch(
        subject=Subject(
            package="cdp_constructs.workflow.handlers.starter",
            environment={"STATE_MACHINE": "arn:aws:states:us-east-1:111122223333:stateMachine:orders"},
            world=lambda: World(answers={"stepfunctions.StartExecution": {"executionArn": "arn"}}),
        ),
        healthy=lambda mark: {"order": mark},
    ),
    "stacks/chat/handlers/message_archive": Batch(
        subject=Subject(package="stacks.chat.handlers.message_archive", environment=_CHAT),
        known=tuple(
            json.dumps({"kind": "message", "message": message("bad")})[:-2] + f', "extra": {number}}}}}'
            for number in ("NaN", "1e999")
        ),
        healthy=lambda mark: {"kind": "message", "message": message(mark)},
    ),
    "stacks/mobile/handlers/picture_notices": Batch(
        subject=Subject(
            package="stacks.mobile.handlers.picture_notices",
            environment={"NOTICES_QUEUE": QUEUE, "WEB_ADDRESS": "https://mobile.example.com"},
        ),
        healthy=lambda mark: {**_upload(mark), "thumbnail": {"key": "t.webp", "size": 1}},
    ),
    "stacks/chat/handlers/attachment_recorder": Batch(
        subject=Subject(
            package="stacks.chat.handlers.attachment_recorder",
            environment=_CHAT,
            world=lambda: World(find=_chat_items),
        ),
        healthy=lambda mark: {**_upload(mark), "thumbnail": {"key": "t.webp", "size": 1}},
    ),
    "stacks/chat/handlers/notifier": Batch(
        subject=Subject(
            package="stacks.chat.handlers.notifier",
            environment=_CHAT,
            world=lambda: World(find=_chat_items, answers={"dynamodb.Query": _members}),
        ),
        known=(json.dumps({"kind": "message", "message": {**message("bad"), "author": "a" * 3000}}),),
        healthy=lambda mark: {"kind": "message", "message": message(mark)},
    ),
    "stacks/iot/handlers/alert_archive": Batch(
        subject=Subject(
            package="stacks.iot.handlers.alert_archive", environment={"BUCKET_NAME": "bucket", "KEY_PREFIX": "alerts/"}
        ),
        known=(json.dumps(_alert("bad")).replace("12.5", "1e999"),),
        healthy=_alert,
    ),
    "stacks/iot/handlers/reactions": Batch(
        subject=Subject(
            package="stacks.iot.handlers.reactions",
            environment={"SWITCHES": '{"dry": "humidifier"}', "SPEED_TABLE": "speed"},
            world=lambda: World(
                answers={
                    "iot-data.GetThingShadow": lambda _: {"payload": io.BytesIO(b'{"state": {}, "version": 1}')},
                }
            ),
        ),
        healthy=_alert,
    ),
    "stacks/iot/handlers/tickets": Batch(
        subject=Subject(package="stacks.iot.handlers.tickets", environment={"TICKETS": "tickets"}),
        healthy=_alert,
    ),
    "stacks/iot/handlers/tickets (webhook)": Batch(
        subject=Subject(package="stacks.iot.handlers.tickets", environment={"TICKETS": "tickets"}),
        healthy=_tracked,
        fifo=True,
        inside="body",
    ),
    "stacks/iot/handlers/requests": Batch(
        subject=Subject(
            package="stacks.iot.handlers.requests",
            environment={"COMMANDS": "commands", "BACKLOG_URL": "https://b.example", "BACKLOG_API_KEY": "key"},
            world=lambda: World(
                answers={
                    "secretsmanager.GetSecretValue": {"SecretString": "key"},
                    "lambda.Invoke": lambda _: {"Payload": io.BytesIO(b'{"reported": {}}')},
                }
            ),
            http=_backlog,
        ),
        healthy=_asked,
        fifo=True,
        inside="body",
    ),
    "stacks/services/handlers/billing": _service("billing", "orders.order-placed.v1"),
    "stacks/services/handlers/orders": _service("orders", "shipping.shipment-prepared.v1"),
    "stacks/services/handlers/shipping": _service("shipping", "billing.payment-captured.v1"),
}
