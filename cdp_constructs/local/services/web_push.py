"""A push service for browsers, as RFC 8030 has it with VAPID (RFC 8292); browsers' own push services are not reached.

A subscription is made by administration, where a browser would ask its push service; its endpoint is
`http://localhost:<port>/_aws/web-push/<id>`. What is posted there waits for the browser, encrypted: the push service
does not know the browser's keys. It refuses what the push services of browsers refuse: a message that is too large, is
not encrypted or has no TTL, and a token that is not signed with the key that the browser subscribed to.

- `POST /_cdp/web-push/subscriptions` with `application_server_key` makes a subscription and returns its `endpoint`;
- `GET /_cdp/web-push/messages?endpoint=…` lists what waits, oldest first;
- `PUT /_cdp/web-push/answer` with `endpoint` and `status` answers so to what is posted from now on, 0 as usual.
"""

import re
import secrets
import time
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from os import environ
from typing import Any

from cdp_constructs.local.kit.admin import AdminError, route
from cdp_constructs.local.kit.patch import patch

PREFIX = "/_aws/web-push/"
LARGEST = 4096
_LONGEST_TOKEN_SECONDS = 24 * 3600
_AUTHORIZATION = re.compile(r"vapid t=(?P<token>[\w.-]+), ?k=(?P<key>[\w-]+)", re.ASCII)
_TOPIC = re.compile(r"[\w-]{1,32}", re.ASCII)
_URGENCIES = {"very-low", "low", "normal", "high"}


@dataclass
class _Subscription:
    """What a browser subscribed to, and the messages that wait for it."""

    key: str
    answer: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)


_subscriptions: dict[str, _Subscription] = {}


class _RefusedError(Exception):
    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def _origin() -> str:
    return f"http://localhost:{environ.get('GATEWAY_PORT', '4566')}"


@patch("ministack.app:_handle_post_body_shortcuts")
async def _served(
    original: Callable[..., Any], method: str, path: str, headers: Any, body: bytes, query: Any, request_id: str
) -> Any:
    if method == "POST" and path.startswith(PREFIX):
        return _post(path.removeprefix(PREFIX), {name.lower(): value for name, value in headers.items()}, body)
    return await original(method, path, headers, body, query, request_id)


def _post(name: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    try:
        subscription = _live(name)
        _check_token(headers.get("authorization", ""), subscription.key)
        _keep(subscription, _message(headers, body))
    except _RefusedError as refused:
        return refused.status, {"Content-Type": "text/plain"}, str(refused).encode()
    return HTTPStatus.CREATED, {"Location": f"{_origin()}/_aws/web-push-message/{secrets.token_urlsafe(8)}"}, b""


def _live(name: str) -> _Subscription:
    subscription = _subscriptions.get(name)
    if subscription is None:
        raise _RefusedError(HTTPStatus.NOT_FOUND, "there is no such subscription")
    if subscription.answer:
        raise _RefusedError(HTTPStatus(subscription.answer), "answered so on request")
    return subscription


def _check_token(authorization: str, key: str) -> None:
    """Refuse a token that is not of the application that the browser subscribed to."""
    import jwt
    from cryptography.hazmat.primitives.asymmetric import ec

    given = _AUTHORIZATION.fullmatch(authorization)
    if given is None:
        raise _RefusedError(HTTPStatus.UNAUTHORIZED, "Authorization is not: vapid t=<token>, k=<key>")
    if given["key"] != key:
        raise _RefusedError(HTTPStatus.FORBIDDEN, "the subscription is for another application server key")
    try:
        point = urlsafe_b64decode(key + "=" * (-len(key) % 4))
        public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        claims = jwt.decode(
            given["token"], public_key, algorithms=["ES256"], audience=_origin(), options={"require": ["exp", "aud"]}
        )
    except (ValueError, jwt.InvalidTokenError) as error:
        raise _RefusedError(HTTPStatus.FORBIDDEN, f"the token is not valid: {error}") from error
    if claims["exp"] > time.time() + _LONGEST_TOKEN_SECONDS:
        raise _RefusedError(HTTPStatus.FORBIDDEN, "the token is valid for more than 24 hours")


def _message(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    if len(body) > LARGEST:
        raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{len(body)} bytes; {LARGEST} are taken")
    if not headers.get("ttl", "").isdecimal():
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "TTL is missing")
    if headers.get("content-encoding") != "aes128gcm":
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "Content-Encoding is not aes128gcm")
    topic, urgency = headers.get("topic", ""), headers.get("urgency", "normal")
    if (topic and not _TOPIC.fullmatch(topic)) or urgency not in _URGENCIES:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "Topic or Urgency is none")
    return {"body": b64encode(body).decode(), "ttl": int(headers["ttl"]), "topic": topic, "urgency": urgency}


def _keep(subscription: _Subscription, message: dict[str, Any]) -> None:
    """Let a message wait, in place of one with the same topic."""
    others = [other for other in subscription.messages if not message["topic"] or other["topic"] != message["topic"]]
    subscription.messages = [*others, message]


def _found(request: Mapping[str, Any]) -> _Subscription:
    try:
        return _subscriptions[request["endpoint"].rpartition("/")[2]]
    except KeyError:
        raise AdminError(f"there is no subscription with the endpoint {request.get('endpoint')!r}") from None


@route("POST", "web-push/subscriptions")
def _subscribe(request: Mapping[str, Any]) -> Mapping[str, Any]:
    name = secrets.token_urlsafe(24)
    _subscriptions[name] = _Subscription(request["application_server_key"])
    return {"endpoint": f"{_origin()}{PREFIX}{name}"}


@route("GET", "web-push/messages")
def _list(request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"messages": _found(request).messages}


@route("PUT", "web-push/answer")
def _answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    _found(request).answer = int(request["status"])
    return {}
