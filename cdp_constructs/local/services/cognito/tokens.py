"""Cognito: refresh tokens rotate when the app client says so, and end.

With rotation `GetTokensFromRefreshToken` answers a new refresh token, which ends when the first one would have. The one
that it replaces is valid for the grace period, then it is refused with `RefreshTokenReuseException`. To revoke any of
them is to revoke the session, with all of its access tokens.
"""

import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, patch_each, replace

_cognito: Any = ministack.module(
    "services.cognito", "_pool_for_client", "_signed_jwt", "_token_claims", "_user_from_token", "_user_pools"
)
_responses: Any = ministack.module("core.responses", "error_response_json")

_ROTATION = "RefreshTokenRotation"
_REFRESH = {"REFRESH_TOKEN", "REFRESH_TOKEN_AUTH"}
_GRACE_LIMIT = 60
_REPLACED = "_replaced_refresh_tokens"
"""What a user's record calls the refresh tokens that were rotated out: until when each is valid, by its `jti`."""

_Request = dict[str, Any]


def _rotates(client: Mapping[str, Any] | None) -> bool:
    return ((client or {}).get(_ROTATION) or {}).get("Feature") == "ENABLED"


def _refused(code: str, message: str) -> Any:
    return _responses.error_response_json(code, message, HTTPStatus.BAD_REQUEST)


def _client_of(pool: Mapping[str, Any] | None, client_id: str | None) -> dict[str, Any] | None:
    client: dict[str, Any] | None = ((pool or {}).get("_clients") or {}).get(client_id)
    return client


def _misconfigured(client: Mapping[str, Any]) -> Any:
    """Return the refusal of an app client's settings, or None."""
    rotation = client.get(_ROTATION)
    if not rotation:
        return None
    grace = rotation.get("RetryGracePeriodSeconds", 0)
    if rotation.get("Feature") not in {"ENABLED", "DISABLED"} or not 0 <= int(grace) <= _GRACE_LIMIT:
        return _refused("InvalidParameterException", f"{_ROTATION} is not valid: {json.dumps(rotation)}")
    if _rotates(client) and "ALLOW_REFRESH_TOKEN_AUTH" in (client.get("ExplicitAuthFlows") or []):
        return _refused(
            "InvalidParameterException", "ALLOW_REFRESH_TOKEN_AUTH cannot be enabled with refresh token rotation"
        )
    return None


@replace("ministack.services.cloudformation.provisioners:_COGNITO_USER_POOL_CLIENT_UPDATABLE")
def _in_templates(original: dict[str, Any]) -> dict[str, Any]:
    return {**original, _ROTATION: {"Feature": "DISABLED"}}


@patch("ministack.services.cognito:_create_user_pool_client")
def _create_client(original: Callable[[_Request], Any], data: _Request) -> Any:
    return _misconfigured(data) or _with_rotation(original(data), data)


@patch("ministack.services.cognito:_update_user_pool_client")
def _update_client(original: Callable[[_Request], Any], data: _Request) -> Any:
    client = _client_of(_cognito._user_pools.get(data.get("UserPoolId")), data.get("ClientId")) or {}
    return _misconfigured({**client, **data}) or _with_rotation(original(data), data)


def _with_rotation(response: Any, data: _Request) -> Any:
    """Keep the rotation that a request asked for, and answer it."""
    status, headers, body = response
    if status != HTTPStatus.OK or _ROTATION not in data:
        return response
    answer = json.loads(body)
    described = answer["UserPoolClient"]
    client = _client_of(_cognito._user_pools.get(described["UserPoolId"]), described["ClientId"])
    if client is not None:
        client[_ROTATION] = described[_ROTATION] = data[_ROTATION]
    return status, headers, json.dumps(answer).encode()


@patch_each("ministack.services.cognito:_initiate_auth", "ministack.services.cognito:_admin_initiate_auth")
def _initiate(original: Callable[[_Request], Any], data: _Request) -> Any:
    pool, _ = _cognito._pool_for_client(data.get("ClientId"))
    if data.get("AuthFlow") in _REFRESH and _rotates(_client_of(pool, data.get("ClientId"))):
        return _refused("InvalidParameterException", "REFRESH_TOKEN_AUTH flow not enabled for this client")
    return original(data)


@patch("ministack.services.cognito:_refresh_auth_user")
def _owner(
    original: Callable[..., tuple[Any, Any]], pool: dict[str, Any], pool_id: str, client_id: str, token: str
) -> tuple[Any, Any]:
    user, error = original(pool, pool_id, client_id, token)
    if error is not None:
        return user, error
    claims, now = _cognito._token_claims(token), time.time()
    if claims.get("exp", 0) <= now:
        return None, _refused("NotAuthorizedException", "Refresh Token has expired")
    if user.get(_REPLACED, {}).get(claims["jti"], now + 1) <= now:
        return None, _refused("RefreshTokenReuseException", "Refresh token has been used already")
    return user, None


@patch("ministack.services.cognito:_get_tokens_from_refresh_token")
def _get_tokens(original: Callable[[_Request], Any], data: _Request) -> Any:
    status, headers, body = original(data)
    pool, pool_id = _cognito._pool_for_client(data.get("ClientId"))
    client = _client_of(pool, data.get("ClientId"))
    if status != HTTPStatus.OK or client is None or not _rotates(client):
        return status, headers, body
    answer = json.loads(body)
    claims = _cognito._token_claims(data["RefreshToken"])
    user = _cognito._user_from_token(data["RefreshToken"], pool)
    grace = int(client[_ROTATION].get("RetryGracePeriodSeconds", 0))
    # Used again within the grace period, it is valid no longer for that.
    user.setdefault(_REPLACED, {}).setdefault(claims["jti"], time.time() + grace)
    successor = {**claims, "jti": _responses.new_uuid(), "iat": int(time.time())}
    answer["AuthenticationResult"]["RefreshToken"] = _cognito._signed_jwt(successor, pool_id, "access")
    return status, headers, json.dumps(answer).encode()
