"""How servers learn of each other's messages."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from pydantic import TypeAdapter, ValidationError

from stacks.dojo.app.caches import cache_of
from stacks.dojo.app.database import Database
from stacks.dojo.app.model import Message
from stacks.dojo.app.ports import FanOut, Hint
from stacks.dojo.app.settings import Settings
from stacks.dojo.app.store import CHANNEL

if TYPE_CHECKING:
    from valkey.asyncio import Valkey

__all__ = ["CacheFanOut", "DatabaseFanOut", "fan_out_of"]

_LOG = logging.getLogger(__name__)
_PAUSE = 1.0
_HINT = TypeAdapter(Hint)


def fan_out_of(settings: Settings, database: Database) -> FanOut:
    """Return the one that is chosen."""
    return DatabaseFanOut(database) if settings.fan_out == "database" else CacheFanOut(cache_of(settings))


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
