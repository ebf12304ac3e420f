"""How servers learn of each other's messages."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg
from pydantic import TypeAdapter, ValidationError

from stacks.dojo.app.caches import cache_of
from stacks.dojo.app.database import Database
from stacks.dojo.app.model import Message
from stacks.dojo.app.ports import FanOut, Hint, Store
from stacks.dojo.app.settings import Settings
from stacks.dojo.app.store import CHANNEL, DatabaseStore

if TYPE_CHECKING:
    from valkey.asyncio import Valkey

__all__ = ["CacheFanOut", "DatabaseFanOut", "PollingFanOut", "fan_out_of"]

_LOG = logging.getLogger(__name__)
_PAUSE = 1.0
_POLL_SECONDS = 1.0
_HINT = TypeAdapter(Hint)


def fan_out_of(settings: Settings, store: Store) -> FanOut:
    """Return the one that is chosen."""
    if settings.fan_out == "polling":
        return PollingFanOut()
    if isinstance(store, DatabaseStore) and settings.fan_out == "database":
        return DatabaseFanOut(store.database)
    return CacheFanOut(cache_of(settings))


def _hint(payload: str | bytes) -> Hint | None:
    """Return what is announced; None, so that servers look by themselves, when it cannot be read."""
    try:
        return _HINT.validate_json(payload)
    except ValidationError:
        _LOG.warning("a hint cannot be read")
        return None


@dataclass(frozen=True)
class DatabaseFanOut:
    """By NOTIFY of PostgreSQL, which is part of the transaction that stores a message."""

    database: Database

    async def announce(self, message: Message) -> None:
        """Do nothing: storing it has told them."""

    async def hints(self) -> AsyncIterator[Hint | None]:
        """Yield what is announced."""
        while True:
            try:
                async with await self.database.connect() as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    yield None
                    async for notification in connection.notifies():
                        yield _hint(notification.payload)
            except psycopg.Error as error:
                _LOG.warning("not listening: %s", type(error).__name__)
            await asyncio.sleep(_PAUSE)


@dataclass(frozen=True)
class CacheFanOut:
    """By PUBLISH of Valkey."""

    cache: "Valkey"

    async def announce(self, message: Message) -> None:
        """Tell the servers."""
        await self.cache.publish(CHANNEL, json.dumps({"room": message.room, "number": message.number}))

    async def hints(self) -> AsyncIterator[Hint | None]:
        """Yield what is announced."""
        from valkey.exceptions import ValkeyError

        while True:
            try:
                async with self.cache.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(CHANNEL)
                    yield None
                    async for message in subscription.listen():
                        yield _hint(message["data"])
            except (ValkeyError, OSError) as error:
                _LOG.warning("not subscribed: %s", type(error).__name__)
            await asyncio.sleep(_PAUSE)


@dataclass(frozen=True)
class PollingFanOut:
    """A server knows its own messages at once, and looks for those of others every second.

    For a store that tells nobody anything, and a board without a cache.
    """

    # Bounded, since a worker announces and has no listeners; a message that finds no place is seen by the next look.
    _own: "asyncio.Queue[Hint]" = field(default_factory=lambda: asyncio.Queue(1000))

    async def announce(self, message: Message) -> None:
        """Tell the listeners of this server."""
        with contextlib.suppress(asyncio.QueueFull):
            self._own.put_nowait(Hint(message.room, message.number))

    async def hints(self) -> AsyncIterator[Hint | None]:
        """Yield what this server has stored, and None every second."""
        look = 0.0
        while True:
            now = time.monotonic()
            if now >= look:
                look = now + _POLL_SECONDS
                yield None
            try:
                yield await asyncio.wait_for(self._own.get(), max(0.0, look - time.monotonic()))
            except TimeoutError:
                continue
