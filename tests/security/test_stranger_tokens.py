"""A stranger without a valid token of this chat: forged ones, ones of others, and valid ones in the wrong place."""

import base64
import hashlib
import hmac
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.security.moves import decoded, encoded, send
from tests.stacks.chat.clients import AWAY, HOME, PASSWORD, REGIONS, Chat, Room

FORGERIES = [
    *(f"{name}, {signature}" for name in ("none", "None", "NONE", "nOnE") for signature in ("signed", "not signed")),
    *(f"HS256 with the public key as {form}" for form in ("PEM", "PKCS#1", "DER", "modulus", "JWK")),
    "another subject",
    "a later end",
    "another client",
    "another issuer",
    "another key id",
    "a key in the header",
]


@pytest.fixture(scope="module")
def place(chat: Chat) -> Room:
    return Room(chat)


@pytest.fixture(scope="module")
def public_key(chat: Chat, place: Room) -> dict[str, Any]:
    """The pool's public key, as everybody may fetch it."""
    pool = chat.resource("ChatGlobal", "AWS::Cognito::UserPool")
    keys = httpx.get(f"{chat.cloud.endpoint}/{pool}/.well-known/jwks.json").json()["keys"]
    key: dict[str, Any]
    (key,) = [key for key in keys if key["kid"] == decoded(place.anna.token, 0)["kid"]]
    return key


def forged(kind: str, good: str, key: dict[str, Any]) -> str:
    header, claims = decoded(good, 0), decoded(good, 1)
    signature = good.rpartition(".")[2]
    if "none" in kind.lower() and "signed" in kind:
        name, _, how = kind.partition(", ")
        return f"{encoded({**header, 'alg': name})}.{encoded(claims)}.{signature if how == 'signed' else ''}"
    if kind.startswith("HS256"):
        unsigned = f"{encoded({**header, 'alg': 'HS256'})}.{encoded(claims)}"
        secret = shared_secret(kind.rpartition(" ")[2], key)
        return f"{unsigned}.{encoded(hmac.new(secret, unsigned.encode(), hashlib.sha256).digest())}"
    claims |= {
        "another subject": {"sub": str(uuid4())},
        "a later end": {"exp": claims["exp"] + 86400},
        "another client": {"client_id": "x" * 26},
        "another issuer": {"iss": claims["iss"][:-1]},
    }.get(kind, {})
    header |= {"another key id": {"kid": "x"}, "a key in the header": {"jwk": key}}.get(kind, {})
    return f"{encoded(header)}.{encoded(claims)}.{signature}"


def shared_secret(form: str, key: dict[str, Any]) -> bytes:
    def number(name: str) -> int:
        return int.from_bytes(_bytes(key[name]), "big")

    public = RSAPublicNumbers(number("e"), number("n")).public_key()
    if form in {"PEM", "PKCS#1"}:
        layout = PublicFormat.PKCS1 if form == "PKCS#1" else PublicFormat.SubjectPublicKeyInfo
        return public.public_bytes(Encoding.PEM, layout)
    if form == "DER":
        return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return _bytes(key["n"]) if form == "modulus" else str(key["n"]).encode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forged_token_opens_nothing(place: Room, public_key: dict[str, Any], kind: str) -> None:
    good = place.anna.token
    bad = forged(kind, good, public_key)
    assert bad != good
    for region in REGIONS:
        for method, path in (("GET", "/rooms"), ("GET", f"/rooms/{place.id}/messages"), ("POST", "/session")):
            assert send(place.chat, region, method, path, token=good, body={}).status_code == 200
            assert send(place.chat, region, method, path, token=bad, body={}).status_code == 401, path


@pytest.fixture(scope="module")
def others(chat: Chat, place: Room) -> dict[str, dict[str, str]]:
    """Tokens of the same account through another client, and of another pool."""
    cognito = chat.cloud.client("cognito-idp", HOME)
    pool = chat.resource("ChatGlobal", "AWS::Cognito::UserPool")
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]

    def tokens(pool: str, mail: str) -> dict[str, str]:
        client = cognito.create_user_pool_client(UserPoolId=pool, ClientName="theirs", ExplicitAuthFlows=flows)
        answer = cognito.initiate_auth(
            ClientId=client["UserPoolClient"]["ClientId"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": mail, "PASSWORD": PASSWORD},
        )["AuthenticationResult"]
        return {name: answer[name] for name in ("AccessToken", "IdToken")}

    theirs = cognito.create_user_pool(PoolName="theirs")["UserPool"]["Id"]
    cognito.admin_create_user(UserPoolId=theirs, Username=place.anna.mail, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(UserPoolId=theirs, Username=place.anna.mail, Password=PASSWORD, Permanent=True)
    return {"client": tokens(pool, place.anna.mail), "pool": tokens(theirs, place.anna.mail)}


@pytest.mark.parametrize("whose", ["client", "pool"])
@pytest.mark.parametrize("use", ["AccessToken", "IdToken"])
def test_a_valid_token_of_another_client_or_pool_opens_nothing(
    place: Room, others: dict[str, dict[str, str]], whose: str, use: str
) -> None:
    token = others[whose][use]
    # It is a good token, of the same person when it is another client's.
    assert (decoded(token, 1)["sub"] == place.anna.sub) is (whose == "client")
    for region in REGIONS:
        assert send(place.chat, region, "GET", "/rooms", token=place.anna.token).status_code == 200
        assert send(place.chat, region, "GET", "/rooms", token=token).status_code == 401


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("?access_token={token}", {}),
        ("?token={token}", {}),
        ("?Authorization=Bearer%20{token}", {}),
        ("", {"Cookie": "Authorization={token}; access_token={token}; token={token}"}),
        ("", {"X-Authorization": "Bearer {token}"}),
        ("", {"Proxy-Authorization": "Bearer {token}"}),
        ("", {"X-Amz-Security-Token": "{token}"}),
        ("", {"X-Forwarded-Authorization": "Bearer {token}"}),
        ("", {"Authorization": "Bearer nonsense, Bearer {token}"}),
        ("", {"Authorization": "Basic {token}"}),
    ],
)
def test_a_valid_token_in_another_place_is_none(place: Room, query: str, headers: dict[str, str]) -> None:
    token = place.anna.token
    path = f"/rooms/{place.id}/messages"
    assert send(place.chat, AWAY, "GET", path, Authorization=f"Bearer {token}").status_code == 200
    given = {name: value.format(token=token) for name, value in headers.items()}
    assert send(place.chat, AWAY, "GET", path + query.format(token=token), **given).status_code == 401


def test_a_second_authorization_header_does_not_help(place: Room) -> None:
    url = f"{place.chat.url(HOME)}/rooms"
    good, bad = ("Authorization", f"Bearer {place.anna.token}"), ("Authorization", "Bearer nonsense")
    assert place.chat.http.get(url, headers=[good]).status_code == 200
    assert place.chat.http.get(url, headers=[bad, good]).status_code == 401
