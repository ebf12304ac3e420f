"""What names and texts of strangers become in the mails of others, and what a mail's link may do."""

from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4

import httpx
import pytest

from cdp_constructs.local.clients.notices import SentMail
from cdp_constructs.testing import eventually
from tests.security.moves import send
from tests.stacks.chat.clients import HOME, Chat, Room, User

EVIL = '<img src=x onerror="alert(1)"><a href="https://evil.example.com">click</a>'
CHOICE = {"mail": True, "push": False, "quiet_minutes": 5, "language": "en"}


@dataclass
class Mailed:
    """A mail that a member got of a message of somebody else, and the two."""

    reader: User
    writer: User
    mail: SentMail

    @property
    def link(self) -> tuple[str, dict[str, str]]:
        """Path and parameters of the link that switches mail off."""
        url = urlsplit(self.mail.headers["List-Unsubscribe"].strip("<>"))
        return url.path, {name: values[0] for name, values in parse_qs(url.query).items()}


@pytest.fixture(scope="module")
def mailed(chat: Chat) -> Mailed:
    room = Room(chat)
    evil = room.anna.call(HOME, "POST", "/session", {"name": "<b>Anna</b>"})
    assert evil.status_code == 200, evil.text
    named = room.anna.call(HOME, "POST", "/rooms", {"name": '"><script>alert(1)</script>'}).json()
    joined = room.ben.call(HOME, "POST", f"/rooms/{named['room']}/members", {"invite_code": named["invite_code"]})
    assert joined.status_code == 200
    assert room.ben.call(HOME, "PUT", "/me/notifications", CHOICE).status_code == 200
    # Another room of both, so that the name, the room and the text all are the attacker's.
    assert room.anna.post(HOME, named["room"], f"{EVIL}\r\nBcc: everybody@example.org\r\n\r\nmore").status_code == 201

    def received() -> SentMail | None:
        # Codes of sign-up may come from the same sender, and have no such link.
        mails = [mail for mail in chat.cloud.sent_mails(HOME) if mail.to == [room.ben.mail]]
        sent = [mail for mail in mails if "List-Unsubscribe" in mail.headers]
        return sent[0] if sent else None

    return Mailed(room.ben, room.anna, eventually(received, within=40))


def test_names_and_texts_are_text(mailed: Mailed) -> None:
    html = mailed.mail.html
    assert "&lt;img src=x onerror=" in html
    for tag in ("<img", "<script", "<b>Anna", 'href="https://evil'):
        assert tag not in html, tag
    assert EVIL in mailed.mail.text


def test_no_line_of_a_text_becomes_a_header(mailed: Mailed) -> None:
    assert mailed.mail.to == [mailed.reader.mail]
    for value in (mailed.mail.subject, *mailed.mail.headers.values()):
        assert "\n" not in value
        assert "\r" not in value
    assert not {name.lower() for name in mailed.mail.headers} & {"bcc", "cc", "to"}


def follow(mailed: Mailed, method: str, **changes: str) -> httpx.Response:
    path, query = mailed.link
    given = "&".join(f"{name}={quote(value)}" for name, value in (query | changes).items())
    return send(mailed.reader.chat, HOME, method, f"{path}?{given}")


def mail_is_on(mailed: Mailed) -> bool:
    return bool(mailed.reader.call(HOME, "GET", "/me/notifications").json()["mail"])


GUESSES = {
    "a wrong token": {"token": "guessed"},
    "no token": {"token": ""},
    "a wildcard": {"token": "*"},
    "an expression": {"token": ":off"},
    "a token with a line break": {"token": "x\r\nSet-Cookie: y=1"},
    "markup": {"token": "<script>alert(1)</script>", "user": "<script>alert(1)</script>"},
    "a key": {"user": "x#NOTICES"},
}


@pytest.mark.parametrize("name", GUESSES)
def test_a_link_that_was_guessed_changes_nothing_and_is_not_shown(mailed: Mailed, name: str) -> None:
    answer = follow(mailed, "POST", **GUESSES[name])
    assert answer.status_code in {403, 422}, answer.text
    assert "<script" not in answer.text
    assert "set-cookie" not in answer.headers
    assert mail_is_on(mailed)


def test_a_link_of_one_user_is_no_link_of_another(mailed: Mailed) -> None:
    assert mailed.writer.call(HOME, "PUT", "/me/notifications", {**CHOICE, "mail": True}).status_code == 200
    assert follow(mailed, "POST", user=mailed.writer.sub).status_code == 403
    assert follow(mailed, "POST", user=str(uuid4())).status_code == 403
    path, query = mailed.link
    doubled = f"{path}?user={query['user']}&user={mailed.writer.sub}&token={query['token']}"
    assert send(mailed.reader.chat, HOME, "POST", doubled).status_code in {200, 403, 422}
    assert mailed.writer.call(HOME, "GET", "/me/notifications").json()["mail"] is True
    mailed.reader.call(HOME, "PUT", "/me/notifications", CHOICE)


def test_only_a_post_with_the_mails_own_token_switches_it_off(mailed: Mailed) -> None:
    mailed.reader.call(HOME, "PUT", "/me/notifications", CHOICE)
    for method in ("GET", "HEAD"):
        follow(mailed, method)
        assert mail_is_on(mailed), f"{method} changes nothing: programs that check mails follow links"
    asked = follow(mailed, "GET")
    _, query = mailed.link
    assert query["token"] not in asked.text
    assert "default-src 'none'" in asked.headers["content-security-policy"]
    assert follow(mailed, "POST").status_code == 200
    assert not mail_is_on(mailed)
