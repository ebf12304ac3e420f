"""AppSync Events, as clients use it: who may connect, subscribe and publish, and what is delivered.

MiniStack takes any text as the token of a user pool and any signature as permission to publish. Here a token must be an
access or id token of the API's own pool (of any Region) and app client, what a WebSocket is authorized with must name
the API's own host, signatures must verify and their principals be allowed the action on the API or the namespace, and
the functions of a namespace decide about subscriptions and events. Nobody publishes over a WebSocket by signature.
"""

import functools
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.metrics import emit
from cdp_constructs.local.kit.patch import patch, replace
from cdp_constructs.local.services.appsync.handlers import HandlerError, HandlerFailedError, call_handler, parsed
from cdp_constructs.local.services.appsync.signers import signer_may

_cognito: Any = ministack.module("services.cognito", "_signature_valid", "_token_claims")
_evaluator: Any = ministack.module("core.iam_evaluator", "enforce")
_events: Any = ministack.module(
    "services.appsync_events", "_apis", "_channel_namespace_arn", "_channel_namespace_for", "_channel_namespaces"
)
_responses: Any = ministack.module("core.responses", "_request_account_id", "_request_region")
_router: Any = ministack.module("core.router", "extract_access_key_id")

_SIGNED = "AWS4-"
_BY_SIGNER = "AWS_IAM"
_BY_USER = "AMAZON_COGNITO_USER_POOLS"
_REFUSED = "You are not authorized to make this call."
_MATCHES_CACHED = 100_000
_CLIENT_ERROR = "SubscribeClientError"
# Who publishes, for the handler that runs between the authorization of a request and its delivery.
_publisher: ContextVar[tuple[dict[str, Any] | None, dict[str, str]]] = ContextVar("publisher", default=(None, {}))
# Whether it came over HTTP, where the request itself has the host.
_over_http: ContextVar[bool] = ContextVar("over_http", default=False)
# The channel that is asked for, None while a connection is made.
_channel: ContextVar[str | None] = ContextVar("channel", default=None)


def _authorization(auth: Any) -> str:
    auth = auth if isinstance(auth, dict) else {}
    return str(auth.get("Authorization") or auth.get("authorization") or "")


def _user(api_id: str, authorization: str) -> dict[str, Any] | None:
    """Return the identity behind a token, or None unless it is one of the API's user pool and app clients."""
    token = authorization.removeprefix("Bearer ")
    claims = _cognito._token_claims(token)
    providers = ((_events._apis.get(api_id) or {}).get("eventConfig") or {}).get("authProviders") or []
    for provider in providers:
        pool = provider.get("cognitoConfig")
        if provider.get("authType") != _BY_USER or not pool:
            continue
        issuer = f"https://cognito-idp.{pool['awsRegion']}.amazonaws.com/{pool['userPoolId']}"
        client_id = str(claims.get("client_id") or claims.get("aud") or "")
        if (
            claims.get("iss") == issuer
            and claims.get("token_use") in {"access", "id"}
            and claims.get("exp", 0) > time.time()
            and re.search(pool.get("appIdClientRegex") or "", client_id)
            and _cognito_signed(token)
        ):
            return {
                "claims": claims,
                "defaultAuthStrategy": "ALLOW",
                "groups": claims.get("cognito:groups"),
                "issuer": issuer,
                "sourceIp": ["127.0.0.1"],
                "sub": claims.get("sub"),
                "username": claims.get("username") or claims.get("cognito:username"),
            }
    return None


def _cognito_signed(token: str) -> bool:
    # Looking a pool up moves the request to the pool's Region, which may be another one than the API's.
    account, region = _responses._request_account_id, _responses._request_region
    tokens = account.set(account.get()), region.set(region.get())
    try:
        return bool(_cognito._signature_valid(token))
    finally:
        account.reset(tokens[0])
        region.reset(tokens[1])


def _names_host(api_id: str, auth: Any) -> bool:
    own = ((_events._apis.get(api_id) or {}).get("dns") or {}).get("HTTP", "")
    # The local name has a port, which a program that takes the name out of a URL leaves out.
    return isinstance(auth, dict) and str(auth.get("host", "")).lower() in {own.lower(), own.lower().partition(":")[0]}


@patch("ministack.services.appsync_events:_modes_accept")
def _accept(original: Callable[..., Any], api_id: str, modes: set[str], auth: Any) -> tuple[bool, str | None]:
    authorization = _authorization(auth)
    if not _over_http.get():
        if not _names_host(api_id, auth):
            return False, _REFUSED
        if authorization.startswith(_SIGNED):
            may = _BY_SIGNER in modes and _signer_may(api_id, _channel.get(), auth)
            return may, None if may else _REFUSED
    if _BY_USER in modes and authorization and not authorization.startswith(_SIGNED):
        if _user(api_id, authorization) is not None:
            return True, None
        if modes == {_BY_USER}:
            return False, _REFUSED
    accepted: tuple[bool, str | None] = original(api_id, modes - {_BY_USER}, auth)
    return accepted


def _signer_may(api_id: str, channel: str | None, auth: Mapping[str, Any]) -> bool:
    """Tell whether whoever signed what a WebSocket is authorized with may connect, or subscribe to a channel."""
    if channel is None:
        api = f"arn:aws:appsync:{_responses.get_region()}:{_responses.get_account_id()}:apis/{api_id}"
        return signer_may(auth, {}, "appsync:EventConnect", api)
    namespace = _events._channel_namespace_arn(api_id, _events._channel_namespace_for(channel))
    return signer_may(auth, {"channel": channel}, "appsync:EventSubscribe", namespace)


def _may_publish(api_id: str, channel: str, headers: Mapping[str, str] | None) -> bool:
    """Tell whether the signer of a request may publish; MiniStack has verified it, but nothing of a WebSocket."""
    if headers is None:
        return False
    namespace = _events._channel_namespace_arn(api_id, _events._channel_namespace_for(channel))
    access_key = _router.extract_access_key_id(headers, {})
    region = _responses.get_region()
    return _evaluator.enforce(access_key, "appsync:EventPublish", "appsync", region, resource_arn=namespace) is None


@patch("ministack.services.appsync_events:_authorize_event_op")
async def _authorize(
    original: Callable[..., Awaitable[Any]],
    api_id: str,
    channel: str,
    operation: str,
    auth: Any,
    headers: dict[str, str] | None = None,
) -> tuple[bool, str | None]:
    tokens = _over_http.set(headers is not None), _channel.set(channel)
    try:
        accepted, message = await original(api_id, channel, operation, auth, headers)
    finally:
        _over_http.reset(tokens[0])
        _channel.reset(tokens[1])
    if not accepted:
        if operation != _events.EVENT_PUBLISH:
            _count(api_id, channel, _CLIENT_ERROR)
        return False, message
    authorization = _authorization(auth)
    publishing = operation == _events.EVENT_PUBLISH
    if authorization.startswith(_SIGNED) and publishing and not _may_publish(api_id, channel, headers):
        return False, _REFUSED
    identity = _user(api_id, authorization) if authorization and not authorization.startswith(_SIGNED) else None
    if publishing:
        _publisher.set((identity, headers or {}))
        return True, None
    try:
        await call_handler(api_id, channel, "onSubscribe", identity, auth or {}, None)
    except HandlerError as error:
        _count(api_id, channel, "SubscribeServerError" if isinstance(error, HandlerFailedError) else _CLIENT_ERROR)
        return False, str(error)
    _count(api_id, channel, "SubscribeSuccess")
    return True, None


# https://docs.aws.amazon.com/appsync/latest/eventapi/cloudwatch-metrics.html
def _count(api_id: str, channel: str, metric: str) -> None:
    emit("AWS/AppSync", metric, {"EventAPIId": api_id})
    namespace = _events._channel_namespace_for(channel)
    emit("AWS/AppSync", metric, {"EventAPIId": api_id, "ChannelNamespaceName": namespace})


@patch("ministack.services.appsync_events:_fanout_publish")
async def _publish(
    original: Callable[..., Awaitable[tuple[list[Any], list[Any]]]], api_id: str, channel: str, events: list[Any]
) -> tuple[list[Any], list[Any]]:
    identity, headers = _publisher.get()
    sent = [{"id": str(index), "payload": parsed(event)} for index, event in enumerate(events)]
    try:
        answer = await call_handler(api_id, channel, "onPublish", identity, headers, sent)
    except HandlerError as error:
        return [], [_failure(index, str(error)) for index in range(len(events))]
    if answer is None:
        return await original(api_id, channel, events)
    successful: list[Any] = []
    failed: list[Any] = []
    for event in answer.get("events") or []:
        index = int(event["id"])
        if event.get("error"):
            failed.append(_failure(index, event["error"]))
            continue
        done, _ = await original(api_id, channel, [json.dumps(event.get("payload"))])
        successful += [{**each, "index": index} for each in done]
    return successful, failed


def _failure(index: int, message: str) -> dict[str, Any]:
    return {"identifier": _responses.new_uuid(), "index": index, "code": 400, "errorMessage": message}


@patch("ministack.services.appsync_events:_create_channel_namespace")
def _create_channel_namespace(original: Callable[..., Any], api_id: str, body: bytes) -> Any:
    """Let a namespace that names no modes to subscribe have the API's, not the API's modes to publish."""
    response = original(api_id, body)
    request = parsed(body)
    if response[0] == HTTPStatus.OK and not request.get("subscribeAuthModes"):
        modes = _events._apis[api_id]["eventConfig"]["defaultSubscribeAuthModes"]
        _events._channel_namespaces[api_id][request["name"]]["subscribeAuthModes"] = modes
    return response


@replace("ministack.services.appsync_events:_channel_matches")
def _cached_matches(original: Callable[..., Any]) -> Callable[..., Any]:
    # Each event is compared with each subscription of each connection; most comparisons repeat.
    return functools.lru_cache(_MATCHES_CACHED)(original)
