"""Isolates a Region, as a network partition does, for drills of losing a Region.

`POST /_cdp/partitions/cut?region=us-west-2` starts a partition, `POST /_cdp/partitions/heal?region=us-west-2` ends it,
`GET /_cdp/partitions` lists the isolated Regions. Functions and containers inside the Region still reach its services.
Requests from outside are answered 503 and connections are closed, also for functions of other Regions. Only the root
user of the account gets through, so that a drill can inspect the Region. Replication of global tables is suspended
separately (`replication/suspend`).
"""

import asyncio
import contextvars
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from cdp_constructs.local.kit import admin, ministack
from cdp_constructs.local.kit.admin import route
from cdp_constructs.local.kit.callers import region_of_caller, remember_caller
from cdp_constructs.local.kit.isolation import ISOLATED, isolate
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.iam.root import account_of_root

_app: Any = ministack.module(
    "app", "_extract_s3_vhost_bucket", "_parse_execute_api_url", "_resolve_custom_domain_request"
)
_apigateway: Any = ministack.module("services.apigateway", "find_api_scope")
_apigateway_v1: Any = ministack.module("services.apigateway_v1", "find_api_scope")
_appsync: Any = ministack.module("services.appsync_events", "_discover_api_scope")
_cognito: Any = ministack.module("services.cognito", "_pin_unsigned_idp_scope")
_lambda_runtime: Any = ministack.module("core.lambda_runtime", "_account_region_from_function_config")
_responses: Any = ministack.module("core.responses")
_router: Any = ministack.module("core.router", "extract_access_key_id", "extract_signed_region")
_s3: Any = ministack.module("services.s3", "bucket_region")

_SIGN_IN = "AWSCognitoIdentityProviderService."
_GOING_AWAY = 1001

_closing: dict[str, asyncio.Event] = {}
"""By Region, the event that closes its open connections."""


def _region_of_api(api_id: str) -> str | None:
    scope = _apigateway.find_api_scope(api_id) or _apigateway_v1.find_api_scope(api_id)
    return scope[1] if scope else None


def _region_of_events_api(host: str) -> str | None:
    api_id, _, rest = host.partition(".")
    scope = _appsync._discover_api_scope(api_id, _responses.get_account_id()) if rest.startswith("appsync-") else None
    return scope[1] if scope else None


def _region_of_sign_in(body: bytes) -> str | None:
    try:
        request = json.loads(body)
    except ValueError:
        return None

    def region() -> str:
        _cognito._pin_unsigned_idp_scope(request)
        return str(_responses.get_region())

    return contextvars.copy_context().run(region)


def _region_of_unsigned(path: str, headers: Mapping[str, str], body: bytes) -> str | None:
    """Return the Region that an unsigned request is for: a browser's or a mobile client's."""
    host = headers.get("host", "")
    if api := _app._parse_execute_api_url(host, path) or _app._resolve_custom_domain_request(host, path):
        return _region_of_api(api[0])
    if headers.get("x-amz-target", "").startswith(_SIGN_IN):
        return _region_of_sign_in(body)
    bucket = _app._extract_s3_vhost_bucket(host) or path.lstrip("/").partition("/")[0]
    return _region_of_events_api(host) or (_s3.bucket_region(bucket) if bucket else None)


def _refused(path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, list[str]]) -> str | None:
    """Return the Region when the request is for one that is cut off and comes from outside of it."""
    signed = _router.extract_signed_region(headers, query)
    region = signed or _region_of_unsigned(path, headers, body)
    if region not in ISOLATED:
        return None
    key = _router.extract_access_key_id(headers, query)
    # A presigned URL can be used by any client, so it counts as a request from outside.
    inside = region_of_caller(headers, query) == region
    return None if signed and (inside or account_of_root(key) is not None) else region


async def _serve_until_cut(
    region: str, send: Callable[..., Awaitable[None]], serve: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    if region in ISOLATED:
        await send({"type": "websocket.close", "code": _GOING_AWAY})
        return
    serving = asyncio.ensure_future(serve())
    cutting = asyncio.ensure_future(_closing.setdefault(region, asyncio.Event()).wait())
    await asyncio.wait({serving, cutting}, return_when=asyncio.FIRST_COMPLETED)
    cutting.cancel()
    if serving.done():
        serving.result()
        return
    serving.cancel()
    await asyncio.wait({serving})
    await send({"type": "websocket.close", "code": _GOING_AWAY})


@patch("ministack.services.apigateway:handle_websocket")
async def _serve_api(
    original: Callable[..., Coroutine[Any, Any, None]], scope: Any, receive: Any, send: Any, api_id: str, **options: Any
) -> None:
    region = _region_of_api(api_id) or ""
    await _serve_until_cut(region, send, partial(original, scope, receive, send, api_id, **options))


@patch("ministack.services.appsync_events:handle_websocket")
async def _serve_channels(
    original: Callable[..., Coroutine[Any, Any, None]], scope: Any, receive: Any, send: Any, api_id: str, **options: Any
) -> None:
    region = _region_of_events_api(f"{api_id}.appsync-realtime-api") or ""
    await _serve_until_cut(region, send, partial(original, scope, receive, send, api_id, **options))


@route("POST", "partitions/cut")
def _cut_off(request: Mapping[str, Any]) -> Mapping[str, Any]:
    region = str(request["region"])
    isolate(region)
    closing = _closing.pop(region, None)
    if closing is not None:
        closing.set()
    return _list({})


@route("POST", "partitions/heal")
def _heal(request: Mapping[str, Any]) -> Mapping[str, Any]:
    ISOLATED.discard(str(request["region"]))
    return _list({})


@route("GET", "partitions")
def _list(_request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"regions": sorted(ISOLATED)}


@patch("ministack.core.lambda_runtime:execution_credentials")
def _remember_caller(original: Callable[..., dict[str, str]], config: dict[str, Any]) -> dict[str, str]:
    credentials = original(config)
    _, region = _lambda_runtime._account_region_from_function_config(config)
    remember_caller(credentials["AWS_ACCESS_KEY_ID"], region)
    return credentials


@patch("ministack.app:_handle_post_body_shortcuts")
async def _refuse_from_outside(
    original: Callable[..., Any], method: str, path: str, headers: Any, body: bytes, query: Any, request_id: str
) -> Any:
    # Without a partition, the usual case, requests are not inspected.
    if ISOLATED and not path.startswith((admin.PREFIX, "/_ministack/")):
        region = _refused(path, headers, body, query)
        if region is not None:
            message = f"{region} is cut off from the outside"
            return 503, {"Content-Type": "application/json"}, json.dumps({"message": message}).encode()
    return await original(method, path, headers, body, query, request_id)
