"""What is kept in Valkey."""

import functools
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from stacks.dojo.app.model import Message
from stacks.dojo.app.settings import Settings

if TYPE_CHECKING:
    from valkey.asyncio import Valkey

__all__ = ["CachedLatest", "NothingKept", "cache_of"]

_LOG = logging.getLogger(__name__)
_LATEST_SECONDS = 5
_MESSAGES = TypeAdapter(list[Message])


@functools.cache
def cache_of(settings: Settings) -> "Valkey":
    """Return the client of the cache, which keeps connections."""
    from valkey.asyncio import Valkey

    url, secret = str(settings.cache_url), settings.cache_secret
    # The client of Valkey does not compare names unless it is told to.
    options: dict[str, Any] = {"ssl_check_hostname": True} if url.startswith("rediss:") else {}
    if settings.cache_ca:
        options["ssl_ca_certs"] = settings.cache_ca
    cache: Valkey = Valkey.from_url(
        url,
        password=None if secret is None else secret.token.get_secret_value(),
        socket_connect_timeout=1,
        socket_timeout=None,
        health_check_interval=15,
        **options,
    )
    return cache


class NothingKept:
    """No latest messages are kept."""

    async def get(self, room: str) -> None:
        """Return nothing."""

    async def put(self, room: str, messages: Sequence[dict[str, Any]]) -> None:
        """Keep nothing."""


@dataclass(frozen=True)
class CachedLatest:
    """The latest messages of rooms, for some seconds. A cache that is away is one that has nothing."""

    cache: "Valkey"

    async def get(self, room: str) -> Sequence[dict[str, Any]] | None:
        """Return them; None when they are not known."""
        try:
            found = await self.cache.get(_key(room))
            return None if found is None else [each.as_json() for each in _MESSAGES.validate_json(found)]
        except Exception:  # noqa: BLE001 - whatever fails here, the database answers
            _LOG.warning("the cache cannot be read", exc_info=True)
            return None

    async def put(self, room: str, messages: Sequence[dict[str, Any]]) -> None:
        """Keep them."""
        try:
            await self.cache.set(_key(room), json.dumps(messages), ex=_LATEST_SECONDS)
        except Exception:  # noqa: BLE001 - the database has them
            _LOG.warning("the cache cannot be written", exc_info=True)


def _key(room: str) -> str:
    return f"latest:{room}"
