"""Where members who are away are notified, and what came there: a mailbox, a browser, a phone."""

import json
import secrets
from collections.abc import Sequence
from typing import Any, Protocol

from cdp_constructs.testing import Browser
from demo.chat.people import Person
from demo.chat.system import Chat


class Place(Protocol):
    """Where a person is notified."""

    def received(self, room: str) -> int:
        """Count what came about a room."""


def everywhere(chat: Chat, person: Person, region: str, kinds: "Sequence[type[Any]]") -> list[Place]:
    """Let a person be notified at places of these kinds, and by mail only where one of them is a mailbox."""
    choice = {"mail": Mailbox in kinds, "push": True, "quiet_minutes": 5, "language": "ja"}
    person.call(region, "PUT", "/me/notifications", json=choice).raise_for_status()
    return [kind(chat, person, region) for kind in kinds]


class Mailbox:
    """The account's address."""

    def __init__(self, chat: Chat, person: Person, _region: str) -> None:
        self._chat = chat
        self._person = person

    def received(self, room: str) -> int:
        """Count the mails about a room."""
        mails = [mail for region in self._chat.regions for mail in self._chat.cloud.sent_mails(region)]
        # Cognito's codes for new accounts are mails too.
        return sum(room in mail.text and self._person.mail in mail.to for mail in mails)


class Desk:
    """A browser of a person, in which no page is open."""

    def __init__(self, chat: Chat, person: Person, region: str) -> None:
        key = person.call(region, "POST", "/session", json={}).raise_for_status().json()["web_push_key"]
        self._browser = Browser(chat.cloud, key)
        keys = {"p256dh": self._browser.p256dh, "auth": self._browser.auth}
        subscription = {"platform": "web_push", "endpoint": self._browser.endpoint, "keys": keys}
        person.call(region, "POST", "/me/devices", json=subscription).raise_for_status()

    def received(self, room: str) -> int:
        """Count the messages about a room, as the browser decrypts them."""
        return sum(json.loads(text)["topic"] == room for text in self._browser.received())


class Phone:
    """A phone of a person, on which the application is closed."""

    def __init__(self, chat: Chat, person: Person, region: str) -> None:
        self._chat = chat
        self._token = secrets.token_hex(16)
        device = {"platform": "fcm", "token": self._token}
        person.call(region, "POST", "/me/devices", json=device).raise_for_status()

    def received(self, room: str) -> int:
        """Count the pushes about a room."""
        pushes = [push for region in self._chat.regions for push in self._chat.cloud.pushes(region)]
        return sum(push.token == self._token and room in push.message for push in pushes)
