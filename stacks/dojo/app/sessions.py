"""Who is who: passwords and sessions."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from botocore.exceptions import BotoCoreError, ClientError

from stacks.dojo.app.ports import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from valkey.asyncio import Valkey

__all__ = ["CachedSessions", "SignedSessions", "TableSessions", "hash_of", "is_password"]

_HASHER = PasswordHasher()
# Compared when nobody has the name, so that the answer takes as long.
_NOBODY = _HASHER.hash(secrets.token_urlsafe())
# Each takes a core for some 50 ms and 64 MB: more at once would stop everybody's messages.
_AT_ONCE = asyncio.Semaphore(2)
_AUDIENCE = "chat"


async def hash_of(password: str) -> str:
    """Return what is stored instead of a password."""
    async with _AT_ONCE:
        return await asyncio.to_thread(_HASHER.hash, password)


async def is_password(password: str, stored: str | None) -> bool:
    """Return whether it is the password of whom the hash was stored for; None stands for nobody."""
    async with _AT_ONCE:
        matches = await asyncio.to_thread(_verify, stored or _NOBODY, password)
    return matches and stored is not None


def _verify(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


@dataclass(frozen=True)
class SignedSessions:
    """The token says whose it is, and every server can check it. It lasts until it expires."""

    key: bytes
    seconds: float

    async def open(self, person: str) -> str:
        """Return a token."""
        now = int(time.time())
        claims = {"sub": person, "aud": _AUDIENCE, "iat": now, "exp": now + int(self.seconds)}
        return jwt.encode(claims, self.key, algorithm="HS256")

    async def person(self, token: str) -> str | None:
        """Return whose token it is."""
        try:
            claims = jwt.decode(
                token, self.key, algorithms=["HS256"], audience=_AUDIENCE, options={"require": ["exp", "sub"]}
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            return None
        return str(claims["sub"])

    async def close(self, token: str) -> bool:  # noqa: ARG002 - a port
        """Do nothing."""
        return False


@dataclass(frozen=True)
class CachedSessions:
    """The cache knows whose token it is, and can forget it. Without the cache nobody is known."""

    cache: "Valkey"
    seconds: float

    async def open(self, person: str) -> str:
        """Return a token."""
        token = secrets.token_urlsafe(32)
        async with _answering():
            await self.cache.set(f"session:{token}", person, ex=int(self.seconds))
        return token

    async def person(self, token: str) -> str | None:
        """Return whose token it is."""
        async with _answering():
            found = await self.cache.get(f"session:{token}")
        return None if found is None else found.decode()

    async def close(self, token: str) -> bool:
        """End a session."""
        async with _answering():
            await self.cache.delete(f"session:{token}")
        return True


@dataclass(frozen=True)
class TableSessions:
    """A table knows whose token it is, whichever server asks, and can forget it. It has no token, only its hash."""

    dynamodb: "DynamoDBClient"
    table: str
    seconds: float

    async def open(self, person: str) -> str:
        """Return a token."""
        token = secrets.token_urlsafe(32)
        await self._put(token, person, time.time() + self.seconds)
        return token

    async def person(self, token: str) -> str | None:
        """Return whose token it is."""
        with _table_answers():
            answer = await asyncio.to_thread(
                self.dynamodb.get_item, TableName=self.table, Key=_key(token), ConsistentRead=True
            )
        item = answer.get("Item")
        # DynamoDB deletes what has expired some time later.
        if item is None or int(item["expires_at"]["N"]) <= time.time():
            return None
        return item["person"]["S"]

    async def close(self, token: str) -> bool:
        """End a session: it expires now."""
        await self._put(token, "-", time.time())
        return True

    async def _put(self, token: str, person: str, until: float) -> None:
        item = {**_key(token), "person": {"S": person}, "expires_at": {"N": str(int(until))}}
        with _table_answers():
            await asyncio.to_thread(self.dynamodb.put_item, TableName=self.table, Item=item)


def _key(token: str) -> dict[str, dict[str, str]]:
    # Whoever reads the table cannot be anybody.
    return {"pk": {"S": f"SESSION#{hashlib.sha256(token.encode()).hexdigest()}"}, "sk": {"S": "SESSION"}}


@contextmanager
def _table_answers() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise UnavailableError("session store") from error


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    from valkey.exceptions import ValkeyError

    try:
        yield
    except (ValkeyError, OSError) as error:
        raise UnavailableError("session store") from error
