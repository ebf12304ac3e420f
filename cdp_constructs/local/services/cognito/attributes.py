"""Cognito: what users may write of themselves, and when a changed address counts.

Users cannot say of an address that it is verified, nor write what their app client may not. A changed address waits for
the code that is mailed to it where the pool keeps the original (`AttributesRequireVerificationBeforeUpdate`); elsewhere
it counts at once, as not verified. Nobody gets the address that somebody else signs in with.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.cognito.addresses import (
    FLAGS,
    Handler,
    Request,
    attributes_of,
    hold_back,
    new_code,
    refused,
    send_code,
    set_attributes,
    taken,
    users_with,
)

_cognito: Any = ministack.module(
    "services.cognito",
    "_pool_for_client",
    "_resolve_user",
    "_token_claims",
    "_user_pool_for_access_token",
    "_user_pools",
)
_responses: Any = ministack.module("core.responses", "json_response")


def _unwritable(pool: Mapping[str, Any], client_id: str, names: set[str]) -> Any:
    """Return the refusal of attributes that the users of an app client may not write, or None."""
    client = pool["_clients"].get(client_id) or {}
    writable = set(client.get("WriteAttributes") or names) - set(FLAGS.values())
    if names <= writable:
        return None
    return refused("NotAuthorizedException", "A client attempted to write unauthorized attribute")


def _immutable(pool: Mapping[str, Any], names: set[str]) -> Any:
    """Return the refusal of attributes that nobody can change, or None."""
    fixed = {"sub"} | {each["Name"] for each in pool.get("SchemaAttributes") or [] if each.get("Mutable") is False}
    for name in sorted(fixed & names):
        return refused("InvalidParameterException", f"Cannot modify the non-mutable attribute {name}")
    return None


def _change(pool: Mapping[str, Any], user: dict[str, Any], changed: Mapping[str, str]) -> Any:
    """Change attributes; return the refusal, or how the codes for new addresses were delivered."""
    held = attributes_of(user)
    new = {name: changed[name] for name in FLAGS if name in changed and changed[name] != held.get(name)}
    verified = {name for name, flag in FLAGS.items() if changed.get(flag) == "true"}
    for name, address in new.items():
        counts = name in verified or name in (pool.get("UsernameAttributes") or [])
        if counts and (refusal := taken(pool, user, name, address)):
            return refusal
    settings = pool.get("UserAttributeUpdateSettings") or {}
    kept = settings.get("AttributesRequireVerificationBeforeUpdate") or []
    waiting = {name for name in new if name in kept} - verified
    for name in FLAGS.keys() & changed.keys():
        hold_back(user, name, changed[name] if name in waiting else None)
    unverified = {FLAGS[name]: "false" for name in new.keys() - waiting}
    set_attributes(user, unverified | {name: value for name, value in changed.items() if name not in waiting})
    asked = waiting | (new.keys() & set(pool.get("AutoVerifiedAttributes") or [])) - verified
    return _responses.json_response(
        {"CodeDeliveryDetailsList": [send_code(pool, user, name) for name in FLAGS if name in asked]}
    )


@patch("ministack.services.cognito:_sign_up")
def _sign_up(original: Handler, request: Request) -> Any:
    pool, _ = _cognito._pool_for_client(request.get("ClientId"))
    refusal = pool and _unwritable(pool, request["ClientId"], set(attributes_of(request, "UserAttributes")))
    if refusal:
        return refusal
    response = original(request)
    if response[0] == HTTPStatus.OK:
        user, _ = _cognito._resolve_user(pool, request["Username"])
        held = attributes_of(user)
        if "email" not in held and "_confirmation_code" in user:
            user["_confirmation_code"] = new_code()  # that nobody gets
        set_attributes(user, {flag: held.get(flag, "false") for name, flag in FLAGS.items() if name in held})
    return response


@patch("ministack.services.cognito:_confirm_sign_up")
def _confirm_sign_up(original: Handler, request: Request) -> Any:
    """Count the address that the code was mailed to as verified; an alias of somebody else stays theirs, or moves."""
    pool, _ = _cognito._pool_for_client(request.get("ClientId"))
    user = _cognito._resolve_user(pool, request.get("Username"))[0] if pool else None
    address = attributes_of(user).get("email") if user else None
    if not user or not address or "email" not in (pool.get("AutoVerifiedAttributes") or []):
        return original(request)
    if not request.get("ForceAliasCreation") and (refusal := taken(pool, user, "email", address)):
        return refusal
    response = original(request)
    if response[0] == HTTPStatus.OK:
        for other in users_with(pool, "email", address):
            set_attributes(other, {"email_verified": "false"})
        set_attributes(user, {"email_verified": "true"})
    return response


@patch("ministack.services.cognito:_update_user_attributes")
def _update(original: Handler, request: Request) -> Any:
    user, pool = _cognito._user_pool_for_access_token(request.get("AccessToken"))
    if not user:
        return original(request)
    changed = attributes_of(request, "UserAttributes")
    client_id = _cognito._token_claims(request["AccessToken"]).get("client_id", "")
    refusal = _unwritable(pool, client_id, set(changed)) or _immutable(pool, set(changed))
    return refusal or _change(pool, user, changed)


@patch("ministack.services.cognito:_admin_update_user_attributes")
def _admin_update(original: Handler, request: Request) -> Any:
    pool = _cognito._user_pools.get(request.get("UserPoolId"))
    user = _cognito._resolve_user(pool, request.get("Username"))[0] if pool else None
    if not user:
        return original(request)
    changed = attributes_of(request, "UserAttributes")
    response = _immutable(pool, set(changed)) or _change(pool, user, changed)
    return _responses.json_response({}) if response[0] == HTTPStatus.OK else response
