"""Handlers behind queues, with the event of Lambda's documentation for standard and FIFO queues."""

import io
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import MagicMock

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.aws.documented import CONTEXT, UPLOAD, documented, function, in_queue, refusal, run

DONE = {"batchItemFailures": []}
TABLE = {"TABLE_NAME": "table"}


def head(body: bytes) -> dict[str, Any]:
    return {
        "ContentLength": len(body),
        "ContentType": "image/png",
        "ETag": '"b1946ac92492d2347c6235b4d2611184"',
        "LastModified": datetime(2021, 11, 12, tzinfo=UTC),
        "Metadata": {},
        "VersionId": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
    }


def test_an_upload_is_confirmed() -> None:
    body = b"\x89PNG\r\n\x1a\n"
    event = documented("s3-object-created")
    event["detail"]["object"]["key"] = "incoming/u1/1/a.png"
    copies: list[Any] = []

    def described(request: dict[str, Any]) -> Any:
        if request["Key"].startswith("incoming/") or copies:
            source = {"source": head(body)["VersionId"]} if request["Key"].startswith("accepted/") else {}
            return head(body) | {"Metadata": source}
        return refusal("404")(request)

    answer, aws = run(
        in_queue(event),
        "cdp_constructs.upload.handlers.confirmation",
        {"HeadObject": described, "GetObject": {"Body": io.BytesIO(body)}, "CopyObject": copies.append},
        ACCEPTED_PREFIX="accepted/",
        CONTENT_TYPES='["image/png"]',
        MAX_BYTES="100",
        QUARANTINE_PREFIX="quarantine/",
        TEXT_ENCODINGS='["utf-8"]',
        TOPIC_ARN="topic",
    )
    assert answer == DONE
    (published,) = aws.requests("Publish")
    message = json.loads(published["Message"])
    assert (message["key"], message["region"], message["owner"]) == ("accepted/u1/1/a.png", "ca-central-1", "u1")
    (deleted,) = aws.requests("DeleteObject")
    assert (deleted["Bucket"], deleted["VersionId"]) == ("amzn-s3-demo-bucket1", "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e")


@pytest.mark.parametrize("name", ["s3-object-created", "s3-object-deleted"])
def test_an_object_is_indexed(name: str) -> None:
    exists = name == "s3-object-created"
    answer, aws = run(
        in_queue(documented(name)),
        "cdp_constructs.data.handlers.storage_index",
        {"HeadObject": head(b"12345") if exists else refusal("404")},
        BUCKET="amzn-s3-demo-bucket1",
        PREFIX="",
        **TABLE,
    )
    assert answer == DONE
    (written,) = aws.requests("PutItem")
    assert written["Item"]["key"] == "example-key"
    sequencer = documented(name)["detail"]["object"]["sequencer"].upper()
    assert written["Item"]["sequencer"] == sequencer.ljust(64, "0")
    assert ("deleted_at" in written["Item"]) is not exists


@pytest.mark.parametrize("name", ["s3-object-created", "s3-object-deleted"])
def test_an_object_of_a_site_is_put_back(name: str) -> None:
    def found(request: dict[str, Any]) -> Any:
        return head(b"12345") if request["Bucket"] == "source" else refusal("404")(request)

    answer, aws = run(
        in_queue(documented(name)),
        "cdp_constructs.delivery.handlers.site_repair",
        {
            "HeadObject": found,
            "GetParameter": {"Parameter": {"Value": "none", "LastModifiedDate": datetime(2026, 1, 2, tzinfo=UTC)}},
        },
        BUCKET="amzn-s3-demo-bucket1",
        SOURCE_BUCKET="source",
        DISTRIBUTION_ID="E1",
        PAUSE_PARAMETER="pause",
        LONGEST_PAUSE_S="3600",
        IGNORED_PREFIXES="[]",
        ENCRYPTION="null",
    )
    assert answer == DONE
    (copied,) = aws.requests("CopyObject")
    assert (copied["Bucket"], copied["Key"]) == ("amzn-s3-demo-bucket1", "example-key")
    (forgotten,) = aws.requests("CreateInvalidation")
    assert forgotten["InvalidationBatch"]["Paths"] == {"Quantity": 1, "Items": ["/example-key"]}


def test_a_thumbnail_of_an_image_that_is_gone_is_nothing_to_do() -> None:
    answer, aws = run(
        in_queue(UPLOAD),
        "cdp_constructs.upload.handlers.thumbnails",
        {"GetObject": refusal("NoSuchKey")},
        DECODING_SECONDS="5",
        PIXELS="100",
        TOPIC_ARN="topic",
    )
    assert answer == DONE
    assert aws.operations == ["GetObject"]


@pytest.mark.parametrize(("kind", "reason"), [("ses-bounce", "bounce"), ("ses-complaint", "complaint")])
def test_mail_to_who_bounced_or_complained_is_switched_off(kind: str, reason: str) -> None:
    # EventBridge puts SES's record into the detail of an event.
    event = documented("schedule") | {"source": "aws.ses", "detail": documented(kind)}
    package = "cdp_constructs.messaging.handlers.feedback"
    with function(package, NOTICES=json.dumps({"table": "people", "platforms": {}})) as (module, _):
        module.people = people = MagicMock()
        assert module.handler(in_queue(event), CONTEXT) == DONE
    people.switch_mail_off.assert_called_once_with("recipient@example.com", reason)


def test_a_notice_is_kept_and_its_timer_started() -> None:
    notice = {"notice_id": "1", "user": "u1", "topic": "r1", "title": "t", "body": "b", "link": "https://example.com/"}
    answer, aws = run(
        in_queue(notice),
        "cdp_constructs.messaging.handlers.intake",
        {"UpdateItem": {"Attributes": {}}},
        TIMER_QUEUE="timers",
        WAITING_TABLE="waiting",
    )
    assert answer == DONE
    assert aws.operations == ["GetItem", "TransactWriteItems", "SendMessage", "UpdateItem"]


def test_a_timer_that_comes_early_is_sent_again() -> None:
    timer = {"user": "u1", "topic": "r1", "timer": "t1", "due_ms": int(time.time() * 1000) + 60_000}
    answer, aws = run(
        in_queue(timer),
        "cdp_constructs.messaging.handlers.delivery",
        CONFIGURATION_SET="set",
        NOTICES=json.dumps({"table": "people", "platforms": {}}),
        SENDER="chat@example.com",
        TIMER_QUEUE="timers",
        UNSUBSCRIBE_URL="https://example.com/",
        WAITING_TABLE="waiting",
    )
    assert answer == DONE
    (sent,) = aws.requests("SendMessage")
    assert json.loads(sent["MessageBody"]) == timer


def certificate(serial_number: str) -> str:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, serial_number)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_a_certificate_of_an_own_authority_is_registered() -> None:
    answer, aws = run(
        in_queue(documented("iot-certificate-registered")),
        "cdp_constructs.iot.handlers.certificates",
        {
            "DescribeCertificate": {"certificateDescription": {"certificatePem": certificate("s1")}},
            "GetItem": {"Item": {"serial_number": "s1", "context": "home"}},
        },
        ALLOW_LIST="list",
        CERTIFICATES="arn:aws:iot:us-east-1:111122223333:cert",
        GROUPS='{"home": "home-group"}',
        POLICIES='["device"]',
        THING_TYPE="device",
    )
    assert answer == DONE
    assert aws.requests("CreateThing")[0]["thingName"] == "s1"
    assert aws.requests("UpdateCertificate") == [{"certificateId": "certificateId", "newStatus": "ACTIVE"}]


def test_the_response_of_a_device_ends_its_session() -> None:
    response = {"session": "1", "thing": "s1", "context": "home", "status": "succeeded"}
    answer, aws = run(in_queue(response), "cdp_constructs.iot.handlers.outcomes", SESSIONS="sessions")
    assert answer == DONE
    (written,) = aws.requests("UpdateItem")
    assert (written["Key"], written["ExpressionAttributeValues"][":status"]) == ({"session": "1"}, "succeeded")


def test_an_event_is_published_to_its_channel() -> None:
    event = in_queue({"kind": "members"}, attributes={"channel": "/rooms/r1/0"})
    package = "cdp_constructs.realtime.handlers.publishing"
    with function(package, HTTP_DOMAIN="api.example.com") as (module, _):
        module.api.http = http = MagicMock()
        http.request.return_value = MagicMock(status=200, data=b'{"failed": []}')
        assert module.handler(event, CONTEXT) == DONE
    body = json.loads(http.request.call_args.kwargs["body"])
    assert body == {"channel": "/rooms/r1/0", "events": ['{"kind": "members"}']}


def test_an_event_is_posted_to_the_connections_of_its_channel() -> None:
    answer, aws = run(
        in_queue({"kind": "members"}, attributes={"channel": "/rooms/r1/0"}),
        "cdp_constructs.realtime.handlers.web_socket_publishing",
        {"Query": {"Items": [{"connection": "c1"}]}},
        CALLBACK_URL="https://api1.execute-api.us-east-1.amazonaws.com/live",
        **TABLE,
    )
    assert answer == DONE
    assert [request["ConnectionId"] for request in aws.requests("PostToConnection")] == ["c1"]


def test_a_message_starts_an_execution_with_its_id() -> None:
    event = documented("sqs")
    record = event["Records"][0]
    record["body"] = '{"order": 7}'
    answer, aws = run(
        {"Records": [record]},
        "cdp_constructs.workflow.handlers.starter",
        {"StartExecution": {"executionArn": "arn"}},
        STATE_MACHINE="machine",
    )
    assert answer == {"batchItemFailures": []}
    (request,) = aws.requests("StartExecution")
    given = json.loads(request.pop("input"))
    assert request == {"stateMachineArn": "machine", "name": record["messageId"]}
    assert given.pop("traceparent").startswith("00-")
    assert given == {"order": 7}
