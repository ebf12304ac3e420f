"""What is sent of a batch: no AWS."""

import json
from dataclasses import dataclass
from typing import Any

from notices import Preferences
from notices.mail import subject
from notices.state import Batch

LONGEST_PUSH = 200
# Push services take 4,096 bytes, of which encryption needs 103: a header of 86, a mark and a tag (RFC 8291, section 4).
LARGEST_WEB_PUSH = 4096 - 103


@dataclass(frozen=True)
class Message:
    """The content of a mail or push."""

    topic: str
    language: str
    notices: list[dict[str, Any]]
    """Those that are named, oldest first."""
    number: int
    """How many there are."""


def message_of(batch: Batch, preferences: Preferences, seen_ms: int) -> Message | None:
    """Return what the user has not seen yet; None when everything was seen."""
    if batch.last_ms <= seen_ms:
        return None
    unseen = [notice for notice in batch.notices if int(notice["at_ms"]) > seen_ms]
    # Those that were only counted came after those that were kept.
    number = batch.count - (len(batch.notices) - len(unseen))
    shown = sorted(unseen or batch.notices[-1:], key=lambda notice: int(notice["at_ms"]))
    language = preferences.language or str(shown[-1].get("language", "en"))
    return Message(batch.timer.topic, language, shown, number)


def push_content(application: str, message: Message) -> str:
    """Write what the platform shows, in the platform's own form."""
    newest = message.notices[-1]
    title = subject(message.language, str(newest["title"]), message.number)
    text = str(newest["body"])[:LONGEST_PUSH]
    # arn:aws:sns:us-east-1:111122223333:app/APNS_SANDBOX/chat
    platform = application.rpartition(":")[2].split("/")[1]
    if platform.startswith("APNS"):
        form: Any = {
            "aps": {"alert": {"title": title, "body": text}, "thread-id": message.topic},
            "link": newest["link"],
        }
    else:
        shown = {
            "notification": {"title": title, "body": text},
            "data": {"topic": message.topic, "link": newest["link"]},
        }
        form = {"fcmV1Message": {"message": shown}}
    return json.dumps({"default": text, platform: json.dumps(form, ensure_ascii=False)}, ensure_ascii=False)


def web_push_content(message: Message) -> bytes:
    """Write what the service worker of a web client shows: ``title``, ``body``, ``topic`` and ``link``."""
    newest = message.notices[-1]
    shown = {
        "title": subject(message.language, str(newest["title"]), message.number),
        "body": str(newest["body"])[:LONGEST_PUSH],
        "topic": message.topic,
        "link": newest["link"],
    }
    content = _encoded(shown)
    # Only control characters, which JSON writes with six bytes each, make it so large.
    return content if len(content) <= LARGEST_WEB_PUSH else _encoded(shown | {"body": ""})


def _encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
