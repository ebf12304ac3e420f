"""Handlers of the systems behind queues, with the event of Lambda's documentation for standard and FIFO queues."""

import io
import json
from decimal import Decimal

from tests.aws.documented import UPLOAD, in_queue, run

DONE = {"batchItemFailures": []}
TABLE = {"TABLE_NAME": "table"}
MESSAGE = {
    "room": "r1",
    "id": "m1",
    "sequence": 1,
    "clock": 1,
    "region": "us-east-1",
    "author": "u1",
    "client_message_id": "c1",
    "text": "hello",
    "posted_at": "2026-01-15T06:00:00.000+00:00",
}
ALERT = {
    "alert_id": "desk-7/TooHot/1768456800000/crossed",
    "thing": "desk-7",
    "context": "tokyo",
    "threshold": "TooHot",
    "measure": "temperature",
    "value": 31,
    "limit": 30,
    "state": "crossed",
    "at": 1768456800000,
}


def test_a_message_is_archived() -> None:
    event = in_queue({"kind": "message", "message": MESSAGE}, "neither message nor change")
    answer, aws = run(event, "stacks.chat.handlers.message_archive", BUCKET_NAME="archive")
    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][1]["messageId"]}]}
    (written,) = aws.requests("PutObject")
    assert json.loads(written["Body"]) == MESSAGE


def test_an_attachment_is_recorded() -> None:
    member = {"pk": "ROOM#r1", "sk": "MEMBER#u1", "user": "u1"}
    found = {"Responses": {"table": [member]}, "UnprocessedKeys": {}}
    answer, aws = run(in_queue(UPLOAD), "stacks.chat.handlers.attachment_recorder", {"BatchGetItem": found}, **TABLE)
    assert answer == DONE
    (written,) = aws.requests("UpdateItem")
    assert written["ExpressionAttributeValues"][":owner"] == "u1"


def test_the_owner_of_a_picture_is_notified() -> None:
    event = in_queue({**UPLOAD, "thumbnail": {"key": "accepted/u1/1/thumbnail/320.webp"}}, "no picture")
    variables = {"NOTICES_QUEUE": "notices", "WEB_ADDRESS": "https://mobile.example.com"}
    answer, aws = run(event, "stacks.mobile.handlers.picture_notices", **variables)
    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][1]["messageId"]}]}
    (sent,) = aws.requests("SendMessage")
    notice = json.loads(sent["MessageBody"])
    assert (notice["notice_id"], notice["user"], notice["topic"]) == ("1", "u1", "pictures")


def test_members_who_are_away_are_notified() -> None:
    members = {"Items": [{"pk": "ROOM#r1", "sk": "MEMBER#u2", "user": "u2"}]}
    answer, aws = run(
        in_queue({"kind": "message", "message": MESSAGE}),
        "stacks.chat.handlers.notifier",
        {"Query": members, "BatchGetItem": {"Responses": {}, "UnprocessedKeys": {}}},
        NOTICES_QUEUE="notices",
        WEB_ADDRESS="https://chat.example.com",
        **TABLE,
    )
    assert answer == DONE
    ((notice,),) = [request["Entries"] for request in aws.requests("SendMessageBatch")]
    assert json.loads(notice["MessageBody"])["user"] == "u2"


def test_an_alert_is_archived() -> None:
    answer, aws = run(in_queue(ALERT), "stacks.iot.handlers.alert_archive", BUCKET_NAME="alerts", KEY_PREFIX="alerts/")
    assert answer == DONE
    (written,) = aws.requests("PutObject")
    assert written["Key"] == f"alerts/2026/01/15/{ALERT['alert_id']}.json"


def test_an_alert_switches_what_it_is_about() -> None:
    latest = {"context": "tokyo", "type": "climate", "at_ms": 1, "fields": {}, "crossed": {"TooHot": 1}}
    shadow = {"state": {"desired": {}}, "version": 3}
    answer, aws = run(
        in_queue(ALERT),
        "stacks.iot.handlers.reactions",
        {
            "GetItem": {"Item": {"state": json.dumps(latest), "version": Decimal(1)}},
            "GetThingShadow": lambda _: {"payload": io.BytesIO(json.dumps(shadow).encode())},
        },
        SPEED_TABLE="speed",
        SWITCHES='{"TooHot": "fan"}',
        **TABLE,
    )
    assert answer == DONE
    (written,) = aws.requests("UpdateThingShadow")
    assert json.loads(written["payload"]) == {"state": {"desired": {"fan": True}}, "version": 3}


def test_an_alert_opens_a_ticket() -> None:
    answer, aws = run(in_queue(ALERT), "stacks.iot.handlers.tickets", TICKETS="tickets")
    assert answer == DONE
    assert aws.requests("UpdateItem")[0]["Key"] == {"ticket": "alert/desk-7/TooHot"}


def test_a_delivery_of_the_fifo_queue_opens_a_ticket() -> None:
    issue = {"action": "opened", "issue": {"id": 7, "title": "It leaks"}}
    delivery = {"id": "d1", "received_at": "2026-01-15T06:00:00+00:00", "body": json.dumps(issue)}
    event = in_queue(delivery, name="sqs-fifo")
    answer, aws = run(event, "stacks.iot.handlers.tickets", TICKETS="tickets")
    assert answer == DONE
    assert aws.requests("UpdateItem")[0]["Key"] == {"ticket": "issue/7"}


def test_a_delivery_about_a_change_asks_nothing_of_a_device() -> None:
    changed = {"id": 1, "type": 2, "project": {"projectKey": "OPS"}, "content": {"id": 1, "key_id": 2}}
    event = in_queue({"id": "d1", "body": json.dumps(changed)}, name="sqs-fifo")
    answer, aws = run(event, "stacks.iot.handlers.requests", COMMANDS="commands")
    assert answer == DONE
    assert aws.operations == []
