"""The cache: what is fresh comes from it, what is not is loaded by one of those who ask."""

import json
import logging
import os
import secrets
import time
from collections.abc import Callable
from random import random
from typing import Any, Self, TypeVar

import boto3
import valkey

from .calls import SingleCalls
from .entries import Entry, is_due, spread

__all__ = ["Cache"]

_Value = TypeVar("_Value")
_AWAY = (valkey.exceptions.ConnectionError, valkey.exceptions.TimeoutError, OSError)
# A replica that has just become the primary, or the other way round; and a server that starts.
_CHANGING = (valkey.exceptions.ReadOnlyError, valkey.exceptions.BusyLoadingError)
_TIMEOUT = 0.5
_PAUSE = 5.0
_LOCK_SECONDS = 10.0
_POLL_SECONDS = 0.02
# Only who has the lock still stores: a value that was forgotten while it was loaded is not stored again.
_STORE = """
if redis.call('get', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[2], 'PX', ARGV[3])
return redis.call('del', KEYS[2])
"""
_logger = logging.getLogger("cache_aside")


class _Token(valkey.CredentialProvider):
    """The token of a secret, read for each new connection: a rotated one is used without a restart."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def get_credentials(self) -> tuple[str]:
        answer = boto3.client("secretsmanager").get_secret_value(SecretId=self._secret)
        return (json.loads(answer["SecretString"])["token"],)


class Cache:
    """Values by key, in Valkey.

    Args:
        client: Connected to the primary, such as ``valkey.Valkey(…)`` with short time-outs.
        prefix: Begins every key, so that applications share a server.
        stale_seconds: How long a value is kept when it is no longer fresh: it is answered while it is loaded again,
            and when the source fails.
        clock: Epoch seconds.
        chance: Random numbers from 0 to below 1.
    """

    def __init__(
        self,
        client: "valkey.Valkey",
        *,
        prefix: str = "",
        stale_seconds: float = 60.0,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random,
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._stale_seconds = stale_seconds
        self._clock, self._chance = clock, chance
        self._calls = SingleCalls()
        self._away_until = 0.0

    @classmethod
    def from_environment(cls, *, prefix: str = "", stale_seconds: float = 60.0) -> Self:
        """Return the cache of the variables that ``InMemoryCache.environment`` has.

        ``CACHE_CA_FILE`` names a PEM file of a certificate authority; ElastiCache's certificates are of Amazon's, which
        systems trust.
        """
        client = valkey.Valkey(
            os.environ["CACHE_HOST"],
            int(os.environ.get("CACHE_PORT", "6379")),
            credential_provider=_Token(os.environ["CACHE_SECRET"]),
            ssl=True,
            ssl_check_hostname=True,
            ssl_ca_certs=os.environ.get("CACHE_CA_FILE"),
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
        )
        return cls(client, prefix=prefix, stale_seconds=stale_seconds)

    @property
    def is_away(self) -> bool:
        """Whether the cache did not answer a moment ago: the source is asked without it for 5 seconds."""
        return self._clock() < self._away_until

    def get(
        self, key: str, load: Callable[[], _Value], *, lifetime: float, missing_lifetime: float | None = None
    ) -> _Value:
        """Return the value of a key: a fresh one from the cache, otherwise what ``load`` returns, which is then cached.

        Args:
            key: Its key.
            load: Loads it from the source. None says that the source has nothing, and is cached too.
            lifetime: Seconds for which it is fresh, up to a tenth less.
            missing_lifetime: The same for None. Default: a tenth of ``lifetime``.

        Raises:
            TypeError: the value is nothing that JSON has.
            Exception: what ``load`` raises, when no older value is there.
        """
        entry = self._read(key)
        if entry is not None and not is_due(entry, self._clock(), 1 - self._chance()):
            value: _Value = entry.value
            return value

        def loaded() -> _Value:
            return self._load(
                key, load, entry, lifetime, lifetime / 10 if missing_lifetime is None else missing_lifetime
            )

        return self._calls.run(key, loaded)

    def forget(self, key: str) -> None:
        """Forget a value, after its source was changed; also one that is being loaded now."""
        self._ask(lambda: self._client.delete(self._name(key), self._lock(key)))

    def _load(
        self, key: str, load: Callable[[], _Value], entry: Entry | None, lifetime: float, missing_lifetime: float
    ) -> _Value:
        token = secrets.token_hex(8)
        has_lock = self._ask(lambda: self._client.set(self._lock(key), token, nx=True, px=int(_LOCK_SECONDS * 1000)))
        if not has_lock and not self.is_away:
            # Somebody else loads it: an older value will do, otherwise it is waited for.
            other = entry or self._wait(key)
            if other is not None:
                value: _Value = other.value
                return value
        if has_lock and (stored := self._read(key)) is not None and stored != entry:
            # Somebody else has loaded it between the look at it and the lock.
            self._ask(lambda: self._client.delete(self._lock(key)))
            newer: _Value = stored.value
            return newer
        started = self._clock()
        try:
            value = load()
        except Exception:
            if has_lock:
                self._ask(lambda: self._client.delete(self._lock(key)))
            if entry is None:
                raise
            _logger.exception("%s could not be loaded; its older value is used", key)
            older: _Value = entry.value
            return older
        chosen = spread(missing_lifetime if value is None else lifetime, self._chance())
        made = Entry(value, self._clock() + chosen, self._clock() - started).write()
        kept = int((chosen + self._stale_seconds) * 1000)
        if has_lock:
            names = (self._name(key), self._lock(key))
            self._ask(lambda: self._client.eval(_STORE, 2, *names, token, made, str(kept)))
        return value

    def _wait(self, key: str) -> Entry | None:
        """Return what somebody else loads; None when that takes too long, was forgotten, or the cache is away."""
        deadline = self._clock() + _LOCK_SECONDS
        while self._clock() < deadline and not self.is_away:
            if (entry := self._read(key)) is not None:
                return entry
            if not self._ask(lambda: self._client.exists(self._lock(key))):
                return self._read(key)
            time.sleep(_POLL_SECONDS)
        return None

    def _read(self, key: str) -> Entry | None:
        return Entry.read(self._ask(lambda: self._client.get(self._name(key))))

    def _ask(self, call: Callable[[], Any]) -> Any:
        """Return what the cache answers; None while it is away, so that no time-out follows another."""
        if self.is_away:
            return None
        try:
            return call()
        except (*_AWAY, *_CHANGING):
            self._away_until = self._clock() + _PAUSE
            _logger.warning("the cache is away; the source is asked without it", exc_info=True)
            return None

    def _name(self, key: str) -> str:
        return f"{self._prefix}{key}"

    def _lock(self, key: str) -> str:
        return f"{self._prefix}{key}:lock"
