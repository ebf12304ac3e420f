"""Whose token of a user pool it is, and which tokens are nobody's."""

import asyncio
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from stacks.dojo.app.ports import UnavailableError
from stacks.dojo.app.user_pool import UserPool

POOL, CLIENT = "us-west-2_a1B2c3D4e", "chat-client"
ISSUER = f"https://cognito-idp.us-west-2.amazonaws.com/{POOL}"
KEY, OTHER_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
SECRET = "k" * 40


class Keys:
    """The pool's published keys."""

    def __init__(self) -> None:
        self.reads, self.away = 0, False

    def get_jwk_set(self, refresh: bool = False) -> jwt.PyJWKSet:  # noqa: FBT002 - as PyJWT has it
        assert refresh
        self.reads += 1
        if self.away:
            raise jwt.PyJWKClientConnectionError("away")
        document = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
        return jwt.PyJWKSet.from_dict({"keys": [{**document, "kid": "one", "alg": "RS256", "use": "sig"}]})


def token(key: Any = KEY, algorithm: str = "RS256", kid: str = "one", **other: Any) -> str:
    claims = {"sub": "ann-1", "iss": ISSUER, "exp": time.time() + 600, "token_use": "access", "client_id": CLIENT}
    changed = {name: value for name, value in {**claims, **other}.items() if value is not None}
    return jwt.encode(changed, key, algorithm=algorithm, headers={"kid": kid})


def member(text: str, keys: Keys | None = None) -> str | None:
    return asyncio.run(UserPool(POOL, CLIENT, keys or Keys()).member(text))


def test_access_and_id_tokens_are_their_members() -> None:
    assert member(token()) == "ann-1"
    assert member(token(token_use="id", client_id=None, aud=CLIENT)) == "ann-1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b.c",
        token(exp=time.time() - 60),
        token(exp=None),
        token(iss=f"{ISSUER}x"),
        token(sub=None),
        token(sub=""),
        token(client_id="another"),
        token(token_use="id", client_id=None, aud="another"),
        token(token_use="refresh"),
        token(token_use=None),
        token(token_use="id"),
        token(OTHER_KEY),
        token(kid="two"),
        token(SECRET, "HS256"),
        token(None, "none"),
    ],
    ids=range(16),
)
def test_nobody_is_let_in_by_another_token(text: str) -> None:
    assert member(text) is None


def test_keys_are_read_once_whatever_tokens_name() -> None:
    keys = Keys()

    async def ask() -> None:
        pool = UserPool(POOL, CLIENT, keys)
        for kid in ("one", "two", "three", "one"):
            assert await pool.member(token(kid=kid)) == ("ann-1" if kid == "one" else None)

    asyncio.run(ask())
    assert keys.reads == 1


def test_without_the_keys_it_is_not_known_whose_a_token_is_and_kept_ones_go_on() -> None:
    keys = Keys()
    keys.away = True

    async def ask() -> None:
        pool = UserPool(POOL, CLIENT, keys)
        for _ in range(2):
            with pytest.raises(UnavailableError):
                await pool.member(token())
        keys.away = False
        await asyncio.sleep(1.1)
        assert await pool.member(token()) == "ann-1"
        keys.away = True
        assert await pool.member(token()) == "ann-1"

    asyncio.run(ask())
    assert keys.reads == 2
