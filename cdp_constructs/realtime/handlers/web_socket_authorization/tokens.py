"""Which tokens are accepted: signed by the user pool, current, and of one of the app clients."""

import json
from typing import Any

import jwt

from .environment import Environment
from .keys import PublicKeys

# Cognito signs with RS256 only; a token must not choose another algorithm.
_ALGORITHMS = ["RS256"]
# Access tokens have no audience: the client is checked below. Cognito's clock may be ahead of this one's by a moment.
_OPTIONS: Any = {"require": ["exp", "iss", "sub"], "verify_aud": False, "verify_iat": False}


class UnauthorizedError(Exception):
    """No token, or one that is not accepted; the message says why, for the log."""


def verified(token: str, environment: Environment, keys: PublicKeys) -> dict[str, Any]:
    """Return the claims of a token.

    Raises:
        UnauthorizedError: for a token that is not accepted.
    """
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
    # Nothing is verified yet: what is nested deeply ends Python's JSON parser in a way that PyJWT does not expect.
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise UnauthorizedError(f"no token: {error}") from None
    key = keys.get(key_id)
    if key is None:
        raise UnauthorizedError("an unknown key")
    try:
        claims = jwt.decode(token, key, algorithms=_ALGORITHMS, issuer=environment.issuer, options=_OPTIONS)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise UnauthorizedError(str(error)) from None
    if claims.get("token_use") not in ("access", "id"):
        raise UnauthorizedError("neither access token nor id token")
    if (claims.get("client_id") or claims.get("aud")) not in environment.client_ids:
        raise UnauthorizedError("another client")
    _check_readable(claims)
    return claims


def _check_readable(claims: dict[str, Any]) -> None:
    """Check what API Gateway and the functions behind it read; a trigger of the user pool may add any claims."""
    names = [claims.get(name, "") for name in ("username", "cognito:username")]
    if not claims["sub"] or not all(isinstance(name, str) for name in names):
        raise UnauthorizedError("no name of a user")
    try:
        json.dumps(claims, allow_nan=False, ensure_ascii=False).encode()
    except ValueError as error:
        raise UnauthorizedError(f"claims that are no JSON: {error}") from None
