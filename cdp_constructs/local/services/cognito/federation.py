"""Cognito: people who sign in with a provider of OpenID Connect come with what it has signed, and nothing else.

MiniStack serves the address to which providers send people only to who signs requests, looks for triggers in the Region
of the request, believes what an id token says, takes over all of its claims, lets every provider of a pool serve every
app client, and does not compare the code verifier (PKCE) of such a sign-in. Here the provider's signature, the issuer,
the audience and the time are checked; attributes are those that the pool maps; a new or changed address counts as
verified only if the provider's claim for that is mapped, and true; and errors are sent to the application, as on AWS.

Assertions of SAML are refused: nothing here can check the signature of an XML document.
"""

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, replace
from cdp_constructs.local.services.cognito.addresses import FLAGS, attributes_of, refused, set_attributes

_cognito: Any = ministack.module(
    "services.cognito",
    "_auth_codes",
    "_find_pool_by_client_id",
    "_get_pool_unscoped",
    "_oauth2_error",
    "_oidc_endpoint",
    "_pool_region",
    "_qp",
    "handle_request",
)
_responses: Any = ministack.module("core.responses", "set_request_region")

_RETURNS = ("/oauth2/idpresponse", "/saml2/idpresponse")
_PKCE = ("code_challenge", "code_challenge_method")
_ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]
_NOT_MAPPED = ("sub", "iss", "aud", "exp", "iat")
"""What of a token MiniStack reads itself."""

_signing_in: ContextVar[Mapping[str, Any] | None] = ContextVar("signing_in", default=None)
"""The sign-in whose id token is read; None outside of one."""

_Query = Mapping[str, Any]
_Response = tuple[int, dict[str, str], bytes]


@patch("ministack.app:_handle_cognito_body_request")
async def _returning(
    original: Callable[..., Awaitable[Any]], method: str, path: str, headers: Any, body: bytes, query: Any
) -> Any:
    """Take people back from a provider: their browsers sign nothing."""
    if path in _RETURNS:
        return await _cognito.handle_request(method, path, headers, body, query)
    return await original(method, path, headers, body, query)


@replace("ministack.services.cognito:_OIDC_DISCOVERED_ENDPOINTS")
def _discovered(original: dict[str, str]) -> dict[str, str]:
    return {**original, "jwks_uri": "jwks_uri"}


@patch("ministack.services.cognito:_oauth2_authorize_federation")
def _authorize(original: Callable[[_Query], _Response], query: _Query) -> _Response:
    """Send people to providers of the app client only, and keep the code challenge."""
    client = _cognito._find_pool_by_client_id(_cognito._qp(query, "client_id"))[2]
    provider = _cognito._qp(query, "identity_provider")
    if client is not None and provider not in (client.get("SupportedIdentityProviders") or []):
        unknown: _Response = _cognito._oauth2_error("invalid_request", f"The client has no provider {provider}.")
        return unknown
    if client is not None and "code" not in (client.get("AllowedOAuthFlows") or []):
        unauthorized: _Response = _cognito._oauth2_error("unauthorized_client", "The code flow is not allowed.")
        return unauthorized
    response = original(query)
    if response[0] == HTTPStatus.FOUND:
        sent = parse_qs(urlsplit(response[1]["Location"]).query)
        relay = _cognito._auth_codes[(sent.get("state") or sent["RelayState"])[0]]
        relay.update({name: _cognito._qp(query, name) for name in _PKCE})
    return response


@patch("ministack.services.cognito:_oauth2_idp_response")
def _returned(original: Callable[..., _Response], method: str, body: bytes, query: _Query) -> _Response:
    """Read what the provider signed; an error ends at the application."""
    form = parse_qs(body.decode(errors="replace")) if method == "POST" else {}
    state = _cognito._qp(query, "state") or form.get("state", [""])[0]
    relay = dict(_cognito._auth_codes.get(state) or {})
    _act_in_region_of(relay)
    token = _signing_in.set(relay)
    try:
        response = original(method, body, query)
    finally:
        _signing_in.reset(token)
    if relay.get("type") != "relay":
        return response
    if response[0] != HTTPStatus.FOUND:
        return _failed(relay, response, _cognito._qp(query, "error_description"))
    code = parse_qs(urlsplit(response[1]["Location"]).query)["code"][-1]
    _cognito._auth_codes[code].update({name: relay.get(name, "") for name in _PKCE})
    return response


def _act_in_region_of(sign_in: Mapping[str, Any]) -> None:
    if "pool_id" in sign_in:
        _responses.set_request_region(_cognito._pool_region(sign_in["pool_id"]))


def _failed(relay: Mapping[str, Any], response: _Response, said: str) -> _Response:
    from pydantic_core import from_json

    answered = from_json(response[2])
    told = {"error": "invalid_request", "error_description": said or answered.get("message", "")}
    if relay.get("state"):
        told["state"] = relay["state"]
    address = relay["redirect_uri"]
    return HTTPStatus.FOUND, {"Location": f"{address}{'&' if '?' in address else '?'}{urlencode(told)}"}, b""


@patch("ministack.services.cognito:_decode_id_token_unverified")
def _decode(original: Callable[[str], dict[str, Any]], id_token: str) -> dict[str, Any]:
    """Return what of a provider's token counts; other tokens are read as MiniStack reads them."""
    relay = _signing_in.get()
    if relay is None:
        return original(id_token)
    pool = _cognito._get_pool_unscoped(relay["pool_id"])
    provider = pool["_identity_providers"][relay["provider_name"]]
    claims = _verified(id_token, provider["ProviderDetails"])
    mapped = set(provider["AttributeMapping"].values())
    return {name: _text(value) for name, value in claims.items() if name in mapped or name in _NOT_MAPPED}


def _text(value: Any) -> Any:
    """Write true and false as Cognito keeps them in attributes."""
    return str(value).lower() if isinstance(value, bool) else value


def _verified(id_token: str, details: Mapping[str, str]) -> dict[str, Any]:
    # Imported here: few embedded clouds meet a provider.
    import jwt

    try:
        keys = jwt.PyJWKClient(_cognito._oidc_endpoint(details, "jwks_uri"), timeout=10)
        claims: dict[str, Any] = jwt.decode(
            id_token,
            keys.get_signing_key_from_jwt(id_token).key,
            algorithms=_ALGORITHMS,
            audience=details["client_id"],
            issuer=details["oidc_issuer"],
            options={"require": ["aud", "exp", "iss", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise ValueError(f"Bad id_token: {error}") from None
    return claims


@patch("ministack.services.cognito:_oauth2_token")
def _token(
    original: Callable[..., _Response],
    data: Any,
    query: _Query,
    raw_body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> _Response:
    """Give tokens for a code only to who began the sign-in."""
    form = parse_qs(raw_body.decode(errors="replace"))
    started = _cognito._auth_codes.get(form.get("code", [""])[0]) or {}
    _act_in_region_of(started)
    if challenge := started.get("code_challenge"):
        verifier = form.get("code_verifier", [""])[0]
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if started.get("code_challenge_method") != "S256" or not hmac.compare_digest(digest, challenge):
            refusal: _Response = _cognito._oauth2_error("invalid_grant", "PKCE verification failed.")
            return refusal
    return original(data, query, raw_body, headers)


@patch("ministack.services.cognito:_start_federated_profile")
def _new_profile(original: Callable[..., None], pool: Any, pool_id: str, user: dict[str, Any], *more: Any) -> None:
    held = attributes_of(user)
    set_attributes(user, {flag: held.get(flag, "false") for name, flag in FLAGS.items() if name in held})
    original(pool, pool_id, user, *more)


@patch("ministack.services.cognito:_merge_federated_attrs")
def _again(original: Callable[..., str], user: dict[str, Any], attributes: Mapping[str, str], now: float) -> str:
    """Take over what the provider says at every sign-in: a changed address is verified only if it says so."""
    held = attributes_of(user)
    changed = {name: flag for name, flag in FLAGS.items() if name in attributes and attributes[name] != held.get(name)}
    return original(user, {**dict.fromkeys(changed.values(), "false"), **attributes}, now)


@patch("ministack.services.cognito:_saml2_idp_response")
def _saml(_original: Callable[..., _Response], _body: bytes, _query: _Query) -> _Response:
    message = "The embedded cloud cannot check the signature of a SAML assertion, and takes none."
    refusal: _Response = refused("InvalidParameterException", message)
    return refusal
