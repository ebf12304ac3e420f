"""Cognito: addresses of users, who else has one, and the codes that verify them.

A code is random and mailed to the address, those of sign-ups and forgotten passwords too, which MiniStack has fixed
ones for; one for a telephone number is made, but no SMS is sent. An address that waits for its code replaces the old
one when it is verified.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, replace

__all__ = [
    "FLAGS",
    "attributes_of",
    "hold_back",
    "new_code",
    "refused",
    "send_code",
    "set_attributes",
    "taken",
    "users_with",
]

_cognito: Any = ministack.module(
    "services.cognito",
    "_attr_list_to_dict",
    "_code_error",
    "_dict_to_attr_list",
    "_masked_destination",
    "_resolve_user",
    "_run_idp_handler",
    "_send_verification_email",
    "_user_pool_for_access_token",
    "run_reentrant",
)
_responses: Any = ministack.module("core.responses", "error_response_json", "json_response")

FLAGS = {"email": "email_verified", "phone_number": "phone_number_verified"}
"""Attributes that are addresses, and the one that says whether each is verified."""

_DIGITS = 6
_FIXED = {"123456": "_confirmation_code", "654321": "_reset_code"}
"""The codes of MiniStack, and what a user's record calls each."""
_WAITING, _CODES = "_waiting_addresses", "_address_codes"
"""What a user's record calls addresses that wait for their code, and the codes."""

Request = dict[str, Any]
Handler = Callable[[Request], Any]
_User = dict[str, Any]


def refused(code: str, message: str) -> Any:
    """Return the response of an error."""
    return _responses.error_response_json(code, message, HTTPStatus.BAD_REQUEST)


def attributes_of(holder: Mapping[str, Any], name: str = "Attributes") -> dict[str, str]:
    """Return the attributes of a user's record, or those that a request names, by name."""
    found: dict[str, str] = _cognito._attr_list_to_dict(holder.get(name) or [])
    return found


def set_attributes(user: _User, changed: Mapping[str, str]) -> None:
    """Change attributes of a user's record."""
    user["Attributes"] = _cognito._dict_to_attr_list({**attributes_of(user), **changed})


def users_with(pool: Mapping[str, Any], name: str, address: str) -> list[_User]:
    """Return the users who sign in with an address: as their username, or as an alias, which must be verified."""
    as_username = name in (pool.get("UsernameAttributes") or [])
    if not as_username and name not in (pool.get("AliasAttributes") or []):
        return []
    exact = (pool.get("UsernameConfiguration") or {}).get("CaseSensitive", True)

    def has(user: _User) -> bool:
        held = attributes_of(user)
        own = held.get(name, "")
        same = own == address if exact else own.lower() == address.lower()
        return same and (as_username or held.get(FLAGS[name]) == "true")

    return [user for user in list(pool["_users"].values()) if has(user)]


@patch("ministack.services.cognito:_resolve_user")
def _resolve(original: Callable[..., tuple[Any, Any]], pool: Mapping[str, Any], username: str | None) -> Any:
    """Find a user by a name in another case, where the pool does not distinguish cases; MiniStack always does."""
    user, error = original(pool, username)
    if user or not username or (pool.get("UsernameConfiguration") or {}).get("CaseSensitive", True):
        return user, error
    by_name = (held for name, held in pool["_users"].items() if name.lower() == username.lower())
    by_address = (held for name in FLAGS for held in users_with(pool, name, username))
    found = next(by_name, None) or next(by_address, None)
    return (found, None) if found else (user, error)


def taken(pool: Mapping[str, Any], user: _User, name: str, address: str) -> Any:
    """Return the refusal of an address that somebody else signs in with, or None."""
    if all(other is user for other in users_with(pool, name, address)):
        return None
    return refused("AliasExistsException", f"An account with the given {name.replace('_', ' ')} already exists.")


def hold_back(user: _User, name: str, address: str | None) -> None:
    """Let a new address wait for its code, or nothing; earlier codes are void."""
    user.setdefault(_CODES, {}).pop(name, None)
    waiting = user.setdefault(_WAITING, {})
    waiting.pop(name, None)
    if address is not None:
        waiting[name] = address


def _to_verify(user: _User, name: str) -> str | None:
    address: str | None = user.get(_WAITING, {}).get(name) or attributes_of(user).get(name)
    return address


def new_code() -> str:
    """Return a random code."""
    return f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"


@patch("ministack.services.cognito:_send_verification_email")
def _mail_random_code(
    original: Callable[..., Any],
    pool: Mapping[str, Any],
    username: str,
    attributes: Mapping[str, str],
    code: str,
    *rest: Any,
    **options: Any,
) -> Any:
    user, kind = _cognito._resolve_user(pool, username)[0], _FIXED.get(code)
    if user and kind and user.get(kind) == code:
        code = user[kind] = new_code()
    return original(pool, username, attributes, code, *rest, **options)


def send_code(pool: Mapping[str, Any], user: _User, name: str) -> dict[str, str]:
    """Make a code for an address, the new one if one waits, mail it there, and return how it was delivered."""
    address = _to_verify(user, name) or ""
    code = user.setdefault(_CODES, {})[name] = new_code()
    if name == "email":
        _cognito._send_verification_email(pool, user["Username"], {**attributes_of(user), name: address}, code)
    medium = "EMAIL" if name == "email" else "SMS"
    return {"AttributeName": name, "DeliveryMedium": medium, "Destination": _cognito._masked_destination(address)}


def _send_again(pool: Mapping[str, Any], user: _User, request: Request) -> Any:
    return _responses.json_response({"CodeDeliveryDetails": send_code(pool, user, request["AttributeName"])})


def _verify(pool: Mapping[str, Any], user: _User, request: Request) -> Any:
    name = request["AttributeName"]
    address = _to_verify(user, name) or ""
    refusal = _cognito._code_error(user.get(_CODES, {}).get(name), request.get("Code"))
    refusal = refusal or taken(pool, user, name, address)
    if refusal:
        return refusal
    hold_back(user, name, None)
    set_attributes(user, {name: address, FLAGS[name]: "true"})
    return _responses.json_response({})


def _for_own_address(handle: Callable[[Mapping[str, Any], _User, Request], Any]) -> Handler:
    def handler(request: Request) -> Any:
        user, pool = _cognito._user_pool_for_access_token(request.get("AccessToken"))
        name = request.get("AttributeName")
        if not user:
            return refused("NotAuthorizedException", "Invalid Access Token")
        if name not in FLAGS or not _to_verify(user, name):
            return refused("InvalidParameterException", f"User has no {name} to verify")
        return handle(pool, user, request)

    return handler


_HANDLERS: dict[str, Handler] = {
    "GetUserAttributeVerificationCode": _for_own_address(_send_again),
    "VerifyUserAttribute": _for_own_address(_verify),
}


@replace("ministack.services.cognito:_UNSIGNED_IDP_ACTIONS")
def _without_credentials(original: set[str]) -> set[str]:
    return original | _HANDLERS.keys()


@patch("ministack.services.cognito:_dispatch_idp")
async def _dispatch(original: Callable[..., Awaitable[Any]], action: str, request: Request) -> Any:
    handler = _HANDLERS.get(action)
    if handler is None:
        return await original(action, request)
    # Checks the token, and runs on a thread as MiniStack's own handlers do.
    return await _cognito.run_reentrant(_cognito._run_idp_handler, handler, action, request)
