"""Lets those connect to a WebSocket API who bring a valid token of a Cognito user pool.

Browsers cannot set headers of a WebSocket, and addresses end up in logs, so the token comes as a sub-protocol:
``channels, token-<JWT>``. It is verified here, with the pool's public keys, because asking Cognito for each connection
would end at 120 requests a second.
"""

import base64
import json
import os
import re
import time
from typing import Any
from urllib.parse import urlsplit

import urllib3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

logger = Logger()
tracer = Tracer()
http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=2, read=3), retries=urllib3.Retry(2))

# A key that is not known may be a new one; a stranger's nonsense must not make a request of each connection.
SECONDS_BETWEEN_LOOKS = 60
keys: dict[str, RSAPublicKey] = {}
looked_at = float("-inf")


class UnauthorizedError(Exception):
    """No token, or not one that counts here."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the policy that lets the user connect or not, and who it is."""
    del context
    try:
        claims = verify(token_of(event["headers"]))
    except UnauthorizedError as error:
        logger.warning("Refused", reason=str(error), ip=event["requestContext"]["identity"]["sourceIp"])
        return answer("nobody", "Deny", event["methodArn"], {})
    user = {
        "sub": claims["sub"],
        "username": claims.get("username") or claims.get("cognito:username", ""),
        "issuer": claims["iss"],
        "claims": json.dumps(claims),
    }
    logger.info("Connected", user=user["sub"], connection=event["requestContext"]["connectionId"])
    return answer(claims["sub"], "Allow", event["methodArn"], user)


def answer(principal: str, effect: str, arn: str, context: dict[str, str]) -> dict[str, Any]:
    """Return what API Gateway wants to hear."""
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": arn}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": principal, "policyDocument": document, "context": context}


def token_of(headers: dict[str, str]) -> str:
    """Return the token among the sub-protocols.

    Raises:
        UnauthorizedError: when there is none.
    """
    offered = next((value for name, value in headers.items() if name.lower() == "sec-websocket-protocol"), "")
    for protocol in re.split(r"\s*,\s*", offered):
        if protocol.startswith("token-"):
            return protocol.removeprefix("token-")
    raise UnauthorizedError("no token")


def verify(token: str) -> dict[str, Any]:
    """Return the claims of a token that is signed, current, and for this application.

    Raises:
        UnauthorizedError: with what is wrong.
    """
    try:
        head, payload, signature = token.split(".")
        header, claims = json.loads(decode(head)), json.loads(decode(payload))
        if header["alg"] != "RS256":
            raise UnauthorizedError(f"algorithm {header['alg']}")
        key(header["kid"]).verify(decode(signature), f"{head}.{payload}".encode(), PKCS1v15(), SHA256())
    except InvalidSignature:
        raise UnauthorizedError("the signature is wrong") from None
    except (ValueError, KeyError, TypeError):
        raise UnauthorizedError("no token of a user pool") from None
    if claims.get("iss") != os.environ["ISSUER"]:
        raise UnauthorizedError("another issuer")
    if claims.get("exp", 0) <= time.time():
        raise UnauthorizedError("expired")
    if claims.get("token_use") not in {"access", "id"}:
        raise UnauthorizedError("neither access nor id token")
    if (claims.get("client_id") or claims.get("aud")) not in os.environ["CLIENT_IDS"].split(","):
        raise UnauthorizedError("another client")
    return dict(claims)


def decode(part: str) -> bytes:
    """Decode a part of a token."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def key(kid: str) -> RSAPublicKey:
    """Return the pool's public key of an id.

    Raises:
        UnauthorizedError: when the pool has no such key.
    """
    global looked_at  # noqa: PLW0603 - kept from call to call
    if kid not in keys and time.monotonic() - looked_at > SECONDS_BETWEEN_LOOKS:
        issuer = os.environ["ISSUER"]
        # The SDKs' setting for another endpoint.
        base = os.environ.get("AWS_ENDPOINT_URL")
        url = f"{base}{urlsplit(issuer).path}" if base else issuer
        for item in http.request("GET", f"{url}/.well-known/jwks.json").json()["keys"]:
            modulus, exponent = (int.from_bytes(decode(item[name])) for name in ("n", "e"))
            keys[item["kid"]] = RSAPublicNumbers(exponent, modulus).public_key()
        looked_at = time.monotonic()
    if kid not in keys:
        raise UnauthorizedError("an unknown key")
    return keys[kid]
