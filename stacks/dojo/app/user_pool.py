"""Who is who at an Amazon Cognito user pool, which has the passwords."""

import asyncio
import os
import time
from typing import Any, Protocol

import jwt

from stacks.dojo.app.ports import UnavailableError

__all__ = ["KeySet", "UserPool", "keys_of"]

# Cognito signs with RS256 only; a token must not choose another algorithm.
_ALGORITHMS = ["RS256"]
# Access tokens have no audience: the client is checked below. Cognito's clock may be ahead of this one's by a moment.
_OPTIONS: Any = {"require": ["exp", "iss", "sub"], "verify_aud": False, "verify_iat": False}
# A key that is not known may be a new one; made-up tokens must not cause a request each.
_SECONDS_BETWEEN_READS = 60.0
_SECONDS_AFTER_A_FAILURE = 1.0


class KeySet(Protocol):
    """Reads the public keys of a pool."""

    def get_jwk_set(self, refresh: bool = False) -> jwt.PyJWKSet:  # noqa: FBT002 - as PyJWT has it
        """Return the keys; raises ``PyJWTError`` when they cannot be read."""


def keys_of(pool_id: str) -> KeySet:
    """Return what reads the keys of a pool; the SDKs' own setting of another endpoint counts."""
    base = os.environ.get("AWS_ENDPOINT_URL")
    place = f"{base.rstrip('/')}/{pool_id}" if base else _issuer(pool_id)
    return jwt.PyJWKClient(f"{place}/.well-known/jwks.json", timeout=3)


class UserPool:
    """Checks ID and access tokens that a pool has given to members by one of its app clients.

    Args:
        pool_id: Of the pool, with its Region, such as ``us-west-2_a1B2c3D4e``.
        client_id: The app client; tokens of another one are nobody's.
        keys: Reads the public keys, which are kept.
    """

    def __init__(self, pool_id: str, client_id: str, keys: KeySet) -> None:
        self._pool_issuer, self._client_id, self._set = _issuer(pool_id), client_id, keys
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._next_read = float("-inf")
        self._failed = False
        self._reading = asyncio.Lock()

    async def member(self, token: str) -> str | None:
        """Return the subject whose token it is; None when it is nobody's, another pool's, or has expired.

        Raises:
            UnavailableError: the keys cannot be read, and its key is not among those that are kept.
        """
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            key = await self._key(key_id) if isinstance(key_id, str) else None
            if key is None:
                return None
            claims = jwt.decode(token, key, algorithms=_ALGORITHMS, issuer=self._pool_issuer, options=_OPTIONS)
        # Nothing is verified yet: what is nested deeply ends Python's JSON parser in a way that PyJWT does not expect.
        except (jwt.PyJWTError, ValueError, RecursionError):
            return None
        # An access token names its client, an ID token its audience.
        client = {"access": claims.get("client_id"), "id": claims.get("aud")}.get(str(claims.get("token_use")))
        return str(claims["sub"]) if client == self._client_id and claims["sub"] else None

    async def _key(self, key_id: str) -> jwt.PyJWK | None:
        async with self._reading:
            if key_id not in self._keys and time.monotonic() >= self._next_read:
                await self._read()
        if key_id not in self._keys and self._failed:
            raise UnavailableError("user pool")
        return self._keys.get(key_id)

    async def _read(self) -> None:
        try:
            found = await asyncio.to_thread(self._set.get_jwk_set, refresh=True)
        except (jwt.PyJWTError, ValueError, OSError):
            self._failed, pause = True, _SECONDS_AFTER_A_FAILURE
        else:
            self._failed, pause = False, _SECONDS_BETWEEN_READS
            self._keys = {key.key_id: key for key in found.keys}
        self._next_read = time.monotonic() + pause


def _issuer(pool_id: str) -> str:
    return f"https://cognito-idp.{pool_id.partition('_')[0]}.amazonaws.com/{pool_id}"
