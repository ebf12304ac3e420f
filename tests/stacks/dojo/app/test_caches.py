"""The client of the cache: what its settings say of a cache with a token and TLS, and of one without."""

import json

import pytest
from valkey.asyncio import SSLConnection

from stacks.dojo.app.caches import cache_of
from stacks.dojo.app.settings import Settings

TOKEN = "not-for-production-either"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in {"STORE": "table", "TABLE": "chat", "FAN_OUT": "cache", "SESSION_KEY": "k" * 40}.items():
        monkeypatch.setenv(f"CHAT_{name}", value)
    return monkeypatch


def test_a_cache_with_tls_is_compared_with_its_name_and_gets_the_token_of_its_secret(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("CHAT_CACHE_URL", "rediss://cache.example.com:6379")
    environment.setenv("CHAT_CACHE_SECRET", json.dumps({"token": TOKEN}))
    settings = Settings()
    pool = cache_of(settings).connection_pool
    assert pool.connection_class is SSLConnection
    assert pool.connection_kwargs["password"] == TOKEN
    assert pool.connection_kwargs["ssl_check_hostname"] is True
    assert TOKEN not in repr(settings)


def test_one_without_has_neither(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CHAT_CACHE_URL", "redis://cache.example.com:6379")
    pool = cache_of(Settings()).connection_pool
    assert pool.connection_kwargs["password"] is None
    assert "ssl_check_hostname" not in pool.connection_kwargs
