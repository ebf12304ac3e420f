"""Titles and texts of notices: no control character reaches a subject, a push or what is kept."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from cdp_constructs.messaging.handlers.delivery.messages import Message, push_content, web_push_content
from notices.mail import compose
from tests.properties.batches import BATCHES
from tests.properties.running import running

FCM = "arn:aws:sns:us-east-1:111122223333:app/GCM/chat"
APNS = "arn:aws:sns:us-east-1:111122223333:app/APNS_SANDBOX/chat"
CONTROL = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)])) + "\ufffe\uffff"


@pytest.mark.parametrize(("title", "shown"), [(f"a{CONTROL}b", "a b"), (CONTROL, "…"), ("a\r\n\u2028b", "a b")])
def test_a_title_has_no_control_characters_on_any_channel(title: str, shown: str) -> None:
    message = Message("room", "en", [{"title": title, "body": "pizza?", "link": "https://chat.example.com"}], 1)
    apple = json.loads(json.loads(push_content(APNS, message))["APNS_SANDBOX"])["aps"]["alert"]
    firebase = json.loads(json.loads(push_content(FCM, message))["GCM"])["fcmV1Message"]["message"]["notification"]
    browser = json.loads(web_push_content(message))
    mail = compose("en", message.notices, 1, product="Chat", unsubscribe="https://example.com")
    assert [apple["title"], firebase["title"], browser["title"], mail.subject] == [shown] * 4
    assert f"<title>{shown}</title>" in mail.html


@pytest.mark.parametrize(
    ("title", "body", "kept"),
    [
        (f"a{CONTROL}b", "first\r\nsecond\rthird\x00\tfourth", ("a b", "first\nsecond\nthird \tfourth")),
        (CONTROL, CONTROL, ("…", "…")),
        ("x" * 99 + "\x00y", "z", ("x" * 99 + "…", "z")),
    ],
    ids=["beside text", "nothing else", "cut"],
)
def test_what_is_kept_of_a_notice_has_no_control_characters(title: str, body: str, kept: tuple[str, str]) -> None:
    intake = BATCHES["cdp_constructs/messaging/handlers/intake"]
    accepted: list[Any] = []
    with running(intake.subject) as run:
        run.module.waiting = SimpleNamespace(  # type: ignore[attr-defined]
            accept=lambda _user, _topic, content: accepted.append(content)
        )
        document = {**intake.healthy("n"), "title": title, "body": body}
        assert run.call({"Records": [intake.record("n", json.dumps(document))]}) == {"batchItemFailures": []}
    ((content),) = accepted
    assert (content["title"], content["body"]) == kept
