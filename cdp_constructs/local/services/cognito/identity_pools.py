"""Cognito: identity pools give who signs in a role by claims or by groups, and refuse guests and tokens that ended.

MiniStack checks a token's issuer, audience, signature and time, and knows the two roles of a pool. Here guests are
refused where the pool does not allow them, users who were removed, disabled or signed out where it asks the user pool
(`ServerSideTokenCheck`), and identities that nobody has; the role is found by `RoleMappings` and has to trust the pool.
The classic flow is refused where it is not allowed.
"""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, replace

_cognito: Any = ministack.module(
    "services.cognito", "_get_pool_unscoped", "_identity_pools", "_resolve_user", "_revoked_tokens", "_token_claims"
)
_evaluator: Any = ministack.module("core.iam_evaluator", "EvalContext", "evaluate_trust_policy")
_iam: Any = ministack.module("services.iam", "_roles")
_responses: Any = ministack.module("core.responses", "error_response_json")
_sts: Any = ministack.module("services.sts", "_sessions")

_COGNITO = "cognito-identity.amazonaws.com"
_ACTION = "sts:AssumeRoleWithWebIdentity"

_Data = Mapping[str, Any]


class _Refused(Exception):  # noqa: N818 - an answer
    """The answer to a request that is refused."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.response = _responses.error_response_json(code, message, HTTPStatus.BAD_REQUEST)


@replace("ministack.services.cognito:_LOGIN_TOKEN_CLOCK_SKEW")
def _no_longer_than_said(_original: int) -> int:
    """Refuse a token when it has expired, and not five minutes later."""
    return 0


@patch("ministack.services.cognito:_identity_logins_error")
def _logins_error(original: Callable[..., Any], pool: _Data, identity_id: str | None, logins: Any) -> Any:
    refusal = original(pool, identity_id, logins)
    if refusal is not None:
        return refusal
    try:
        _check_logins(pool, logins)
    except _Refused as refused:
        return refused.response
    return None


def _check_logins(pool: _Data, logins: Mapping[str, str]) -> None:
    if not logins and not pool["AllowUnauthenticatedIdentities"]:
        raise _Refused("NotAuthorizedException", "Unauthenticated access is not supported for this identity pool.")
    for provider, token in logins.items():
        claims = _cognito._token_claims(token)
        asked = any(
            accepted.get("ServerSideTokenCheck") and accepted.get("ClientId") == claims.get("aud")
            for accepted in pool["CognitoIdentityProviders"]
            if accepted.get("ProviderName") == provider
        )
        if asked:
            _check_session(provider, claims)


def _check_session(provider: str, claims: _Data) -> None:
    """Ask the user pool whether the user is still there, and signed in."""
    users = _cognito._get_pool_unscoped(provider.rpartition("/")[2])
    user = _cognito._resolve_user(users, claims.get("cognito:username"))[0] if users else None
    if user is None:
        raise _Refused("NotAuthorizedException", "Invalid login token. User does not exist.")
    if not user.get("Enabled", True):
        raise _Refused("NotAuthorizedException", "Invalid login token. User is disabled.")
    if claims.get("origin_jti") in _cognito._revoked_tokens:
        raise _Refused("NotAuthorizedException", "Invalid login token. Token has been revoked.")


@patch("ministack.services.cognito:_get_open_id_token")
def _open_id_token(original: Callable[[_Data], Any], data: _Data) -> Any:
    pool = _pool_of(data)
    if pool is not None and not pool["AllowClassicFlow"]:
        message = "Basic (classic) flow is not enabled, please use enhanced flow."
        return _responses.error_response_json("InvalidParameterException", message, HTTPStatus.BAD_REQUEST)
    return original(data)


@patch("ministack.services.cognito:_get_credentials_for_identity")
def _credentials(original: Callable[[_Data], Any], data: _Data) -> Any:
    pool = _pool_of(data)
    if pool is None:
        message = f"Identity '{data.get('IdentityId')}' not found."
        return _responses.error_response_json("ResourceNotFoundException", message, HTTPStatus.BAD_REQUEST)
    response = original(data)
    if response[0] != HTTPStatus.OK:
        return response
    key = json.loads(response[2])["Credentials"]["AccessKeyId"]
    session = _sts._sessions[key]
    try:
        role = _role(pool, session["_logins"], data.get("CustomRoleArn"))
        _check_trust(role, pool, session)
    except _Refused as refused:
        del _sts._sessions[key]
        return refused.response
    account, name = role.split(":")[4], role.rpartition("/")[2]
    session["Arn"] = f"arn:aws:sts::{account}:assumed-role/{name}/CognitoIdentityCredentials"
    return response


def _pool_of(data: _Data) -> Any:
    identity = data.get("IdentityId")
    return next((pool for pool in _cognito._identity_pools.values() if identity in pool["_identities"]), None)


def _role(pool: _Data, logins: Mapping[str, str], chosen: str | None) -> str:
    """Return the role of who has these tokens; of several the one that the caller chooses, if a token names it."""
    roles = pool["_roles"]
    if not logins:
        return _there(roles.get("unauthenticated"))
    for provider, token in logins.items():
        claims = _cognito._token_claims(token)
        mapping = _mapping(pool, provider, claims)
        if mapping is None:
            continue
        found = _by_rule(mapping, claims) if mapping["Type"] == "Rules" else _by_token(claims, chosen)
        if found:
            return found
        if mapping.get("AmbiguousRoleResolution") == "Deny":
            raise _Refused("NotAuthorizedException", "Access denied: no role, or several ones, match the token.")
    return _there(roles.get("authenticated"))


def _there(role: str | None) -> str:
    if not role:
        raise _misconfigured()
    return role


def _misconfigured() -> _Refused:
    message = "Invalid identity pool configuration. Check assigned IAM roles for this pool."
    return _Refused("InvalidIdentityPoolConfigurationException", message)


def _mapping(pool: _Data, provider: str, claims: _Data) -> Any:
    """Return how roles of a provider's users are found; templates name the provider beside a key of their own."""
    names = {provider, f"{provider}:{claims.get('aud')}"}
    mappings = (pool.get("_role_mappings") or {}).items()
    return next((found for key, found in mappings if found.get("IdentityProvider", key) in names), None)


def _by_token(claims: _Data, chosen: str | None) -> str | None:
    roles = claims.get("cognito:roles") or []
    if chosen is not None:
        if chosen not in roles:
            raise _Refused("NotAuthorizedException", "Access denied: the token does not name this role.")
        return chosen
    preferred: str | None = claims.get("cognito:preferred_role")
    return preferred or (roles[0] if len(roles) == 1 else None)


def _by_rule(mapping: _Data, claims: _Data) -> str | None:
    for rule in mapping.get("RulesConfiguration", {}).get("Rules", []):
        claim = claims.get(rule["Claim"])
        if claim is not None and _matches(rule["MatchType"], claim, rule["Value"]):
            role: str = rule["RoleARN"]
            return role
    return None


def _matches(how: str, claim: Any, value: str) -> bool:
    text = claim if isinstance(claim, str) else json.dumps(claim)
    return {
        "Equals": text == value,
        "NotEqual": text != value,
        "StartsWith": text.startswith(value),
        "Contains": value in text,
    }[how]


def _check_trust(role: str, pool: _Data, session: _Data) -> None:
    """Refuse a role that does not trust the pool for such a user, as STS does."""
    found = _iam._roles.get(role.rpartition("/")[2])
    context = _evaluator.EvalContext(
        principal_arn=_COGNITO,
        principal_type="WebIdentityUser",
        principal_account=role.split(":")[4],
        action=_ACTION,
        resource_arn=role,
        region="",
        service_context={
            f"{_COGNITO}:aud": pool["IdentityPoolId"],
            f"{_COGNITO}:sub": session["_identity_id"],
            f"{_COGNITO}:amr": session["_cognito_amr"],
        },
    )
    if not found or not _evaluator.evaluate_trust_policy(found["AssumeRolePolicyDocument"], _COGNITO, context):
        raise _misconfigured()


@patch("ministack.core.iam_evaluator:_principal_keys")
def _principal_keys(original: Callable[[Any], dict[str, Any]], credential: Any) -> dict[str, Any]:
    """Give policies who asks: the identity, its pool, and how it signed in."""
    keys = original(credential)
    session = _sts._sessions.get(credential.access_key_id) or {}
    if "_identity_id" not in session:
        return keys
    return {
        **keys,
        f"{_COGNITO}:sub": session["_identity_id"],
        f"{_COGNITO}:aud": session["_identity_pool_id"],
        f"{_COGNITO}:amr": session["_cognito_amr"],
    }
