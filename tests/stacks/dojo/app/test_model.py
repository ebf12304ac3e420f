"""What people send, as it is read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stacks.dojo.app.model import NewMessage, mentioned
from stacks.dojo.app.settings import Settings

ID = "9b2c4a44-6f0e-4a69-9f6a-4f6ad2f7f7c1"
SETTINGS = {
    "CHAT_DATABASE_HOST": "db.internal",
    "CHAT_DATABASE_SECRET": '{"username": "chat", "password": "p", "engine": "postgres"}',
    "CHAT_SESSION_KEY": "k" * 32,
}


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("@ann and @bob, @ann!", ["ann", "bob"]),
        ("ask @ann.", ["ann"]),
        ("mail to ann@example.com", []),
        ("@@ann", []),
        ("@山田 さん", ["山田"]),
        ("@" + "a" * 50, ["a" * 40]),
    ],
)
def test_mentions(text: str, people: list[str]) -> None:
    assert mentioned(text) == people


@given(st.text())
def test_mentions_of_any_text_are_names(text: str) -> None:
    for name in mentioned(text):
        assert 1 <= len(name) <= 40
        assert f"@{name}" in text


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"[" * 100_000,
        b'{"id": NaN}',
        b"null",
        json.dumps({"id": ID, "text": "a\0b"}).encode(),
        json.dumps({"id": ID, "text": ""}).encode(),
        json.dumps({"id": ID, "text": "x" * 4001}).encode(),
        json.dumps({"id": "1", "text": "x"}).encode(),
        json.dumps({"id": ID, "text": "x", "author": "somebody else"}).encode(),
        b'{"id": "' + ID.encode() + b'", "text": "\\ud800"}',
        b'{"id": ' + b"9" * 5000 + b', "text": "x"}',
    ],
    ids=range(11),
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(ValidationError):
        NewMessage.model_validate_json(body)


def _settings(monkeypatch: pytest.MonkeyPatch, **others: str) -> Settings:
    for name, value in {**SETTINGS, **others}.items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings(
        monkeypatch, CHAT_INTAKE="queue", CHAT_QUEUE_URL="https://q", CHAT_DEAD_LETTER_QUEUE_URL="https://d"
    )
    assert (settings.intake, settings.queue_url) == ("queue", "https://q")
    assert settings.database_secret is not None
    assert settings.database_secret.username == "chat"


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ({"CHAT_INTAKE": "queue", "CHAT_QUEUE_URL": "https://q"}, "CHAT_INTAKE=queue needs CHAT_DEAD_LETTER_QUEUE_URL"),
        ({"CHAT_NOTICES": "push"}, "CHAT_NOTICES=push needs CHAT_PUSH_KEY"),
        ({"CHAT_SESSIONS": "cache"}, "CHAT_SESSIONS=cache needs CHAT_CACHE_URL"),
        ({"CHAT_FILES": "disk"}, "Input should be 'none' or 'bucket'"),
        ({"CHAT_SESSION_KEY": "short"}, "shorter than 32 bytes"),
        ({"CHAT_DATABASE_SECRET_ID": "id"}, "set one of"),
        ({"CHAT_STORE": "table", "CHAT_FAN_OUT": "polling"}, "CHAT_STORE=table needs CHAT_TABLE"),
        ({"CHAT_STORE": "table", "CHAT_TABLE": "t"}, "CHAT_STORE=table needs CHAT_FAN_OUT=cache or polling"),
        ({"CHAT_REPLICA_REGION": "us-east-1"}, "CHAT_REPLICA_REGION needs CHAT_STORE=table"),
    ],
)
def test_incomplete_settings_say_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, others: dict[str, str], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        _settings(monkeypatch, **others)
