"""CloudFront: origins in this cloud (buckets, websites, APIs, load balancers, function URLs), and groups of origins."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.isolation import is_isolated
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.cloudfront import (
    balancers,
    caching,
    error_pages,
    function_urls,
    web_sockets,
    websites,
)
from cdp_constructs.local.services.iam.evaluation import policy_allows_service

_app: Any = ministack.module("app", "app", "_handle_execute_api_request", "_resolve_custom_domain_request")
_apigateway: Any = ministack.module("services.apigateway", "find_api_scope")
_cloudfront: Any = ministack.module(
    "services.cloudfront",
    "OriginTimeout",
    "OriginUnreachable",
    "_dist_config_el",
    "_find",
    "_multidict_from_pairs",
    "_origin_request_headers",
    "_s3_object_key",
    "_text",
)
_responses: Any = ministack.module("core.responses", "request_scope")
_s3: Any = ministack.module(
    "services.s3", "_bucket_owner_account", "_bucket_policies", "_ensure_bucket", "_error", "bucket_region"
)

_API = re.compile(r"([a-z0-9]+)\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_FORBIDDEN, _NOT_FOUND = 403, 404
_FAILS_OVER = {"GET", "HEAD", "OPTIONS"}


# --- buckets --------------------------------------------------------------------------------------------------------


def _may_list(bucket: str, distribution_arn: str) -> bool:
    """Whether the bucket's policy lets the distribution list it, so that S3 answers 404 for a missing object."""
    policy = _s3._bucket_policies.get_scoped(_s3._bucket_owner_account(bucket), None, bucket)
    if not policy or not distribution_arn:
        return False
    arn, region = f"arn:aws:s3:::{bucket}", _s3.bucket_region(bucket) or ""
    conditions = {"aws:sourcearn": distribution_arn}
    return policy_allows_service(policy, "cloudfront.amazonaws.com", "s3:ListBucket", arn, region, conditions)


@patch("ministack.services.cloudfront:_serve_s3_origin")
def _from_bucket(
    original: Callable[..., Any],
    origin: dict[str, Any],
    method: str,
    uri: str,
    headers: dict[str, str],
    distribution_arn: str = "",
) -> Any:
    """Answer 404 for a missing object where the distribution may list the bucket, and 403 otherwise, as S3 does."""
    bucket, key = origin["s3_bucket"], _cloudfront._s3_object_key(origin, uri)
    if is_isolated(_s3.bucket_region(bucket)):
        raise _cloudfront.OriginUnreachable(f"{bucket} is in a Region that is cut off")
    answer = original(origin, method, uri, headers, distribution_arn)
    stored = _s3._ensure_bucket(bucket)
    missing = stored is not None and key not in stored["objects"]
    if answer[0] == _FORBIDDEN and missing and _may_list(bucket, distribution_arn):
        return _s3._error("NoSuchKey", "The specified key does not exist.", _NOT_FOUND, f"/{bucket}/{key}")
    return answer


async def _post_form(origin: dict[str, Any], uri: str, query: str, headers: dict[str, Any], body: bytes) -> Any:
    """Let S3 judge a form that a viewer posts, as it does when the form comes to the bucket's own address."""
    bucket = origin["s3_bucket"]
    region, path = _s3.bucket_region(bucket), f"{origin.get('origin_path') or ''}{uri}"
    if is_isolated(region):
        raise _cloudfront.OriginUnreachable(f"{bucket} is in a Region that is cut off")
    sent = {name.lower(): value for name, value in headers.items() if name.lower() != "host"}
    with _responses.request_scope(_s3._bucket_owner_account(bucket), region):
        asked = parse_qs(query, keep_blank_values=True)
        status, answered, content = await _s3.handle_request("POST", f"/{bucket}{path}", sent, body or b"", asked)
    return status, "", _cloudfront._multidict_from_pairs(answered.items()), content


# --- APIs -----------------------------------------------------------------------------------------------------------


async def _from_api(
    api_id: str,
    origin: dict[str, Any],
    method: str,
    path: str,
    query: str,
    headers: dict[str, Any],
    body: bytes,
    address: str,
    forwarded_for: str,
) -> Any:
    scope = _apigateway.find_api_scope(api_id)
    if scope and is_isolated(scope[1]):
        raise _cloudfront.OriginUnreachable(f"{api_id} is in a Region that is cut off")
    sent = _cloudfront._origin_request_headers(origin, headers, address, forwarded_for)
    raw_path = f"/_aws/execute-api/{api_id}{path}"
    status, answered, content = await _app._handle_execute_api_request(
        "localhost",
        unquote(raw_path),
        method,
        {name.lower(): value for name, value in sent.items()},
        body or b"",
        parse_qs(query, keep_blank_values=True),
        raw_path=raw_path,
        raw_query_string=query,
    )
    pairs = [
        (name, item) for name, value in answered.items() for item in (value if isinstance(value, list) else [value])
    ]
    return status, "", _cloudfront._multidict_from_pairs(pairs), content


def _to_web_socket_api(handshake: web_sockets.Handshake, api_id: str, path: str, query: str) -> Any:
    """Let the API answer the handshake itself, at the path that it has at the origin."""
    scope = _apigateway.find_api_scope(api_id)
    if scope and is_isolated(scope[1]):
        raise _cloudfront.OriginUnreachable(f"{api_id} is in a Region that is cut off")
    raw_path = f"/_aws/execute-api/{api_id}{path}"

    async def serve(viewer: Mapping[str, Any], receive: Any, send: Any) -> None:
        asked = {**viewer, "path": unquote(raw_path), "raw_path": raw_path.encode(), "query_string": query.encode()}
        headers = [(name, value) for name, value in viewer["headers"] if name.lower() != b"host"]
        connect = iter([{"type": "websocket.connect"}])

        async def receive_again() -> Any:
            return next(connect, None) or await receive()

        await _app.app({**asked, "headers": [*headers, (b"host", b"localhost")]}, receive_again, send)

    handshake.serve = serve
    return web_sockets.SWITCHING, "", _cloudfront._multidict_from_pairs([]), b""


# --- groups of origins ----------------------------------------------------------------------------------------------


def _groups(config: Any) -> list[Any]:
    groups = _cloudfront._find(config, "OriginGroups")
    items = _cloudfront._find(groups, "Items") if groups is not None else None
    return list(items) if items is not None else []


def _texts(group: Any, name: str) -> list[str]:
    return [item.text for item in group.iter() if item.tag.rpartition("}")[2] == name and item.text]


@patch("ministack.services.cloudfront:parse_distribution_dataplane_config")
def _with_groups(original: Callable[..., dict[str, Any]], distribution: dict[str, Any]) -> dict[str, Any]:
    parsed = original(distribution)
    for group in _groups(_cloudfront._dist_config_el(distribution)):
        members = [parsed["origins"][name] for name in _texts(group, "OriginId") if name in parsed["origins"]]
        codes = {int(code) for code in _texts(group, "StatusCode")}
        name = _cloudfront._text(group, "Id")
        parsed["origins"][name] = {**members[0], "id": name, "members": members, "fails_over_on": codes}
    return parsed


async def _fetch_from_one(  # noqa: PLR0911 - one for each kind of origin
    fetch: Callable[..., Any],
    origin: dict[str, Any],
    method: str,
    uri: str,
    query: str,
    headers: dict[str, Any],
    body: bytes,
    is_https: bool,
    address: str,
    forwarded_for: str,
    distribution_arn: str,
) -> Any:
    if method == "POST" and origin.get("s3_bucket") and not origin.get("oac_id"):
        return await _post_form(origin, uri, query, headers, body)
    api = _API.fullmatch(origin["domain_name"])
    path = f"{origin.get('origin_path') or ''}{uri}"
    if api is not None:
        if handshake := web_sockets.wanted():
            return _to_web_socket_api(handshake, api[1], path, query)
        return await _from_api(api[1], origin, method, path, query, headers, body, address, forwarded_for)
    if balancer := balancers.balancer_of(origin["domain_name"]):
        return await balancers.from_balancer(
            balancer, origin, method, path, query, headers, body, is_https, address, forwarded_for
        )
    if mapped := _app._resolve_custom_domain_request(origin["domain_name"], path):
        # A name that several Regions have leads to the one that Route 53 answers with.
        api_id, stage, rest = mapped
        path = f"/{stage}{rest}"
        return await _from_api(api_id, origin, method, path, query, headers, body, address, forwarded_for)
    if bucket := websites.bucket_of(origin["domain_name"]):
        return await websites.from_website(bucket, origin, method, path, headers, address, forwarded_for)
    if function_urls.is_signed(origin, headers):
        return await function_urls.from_function_url(
            origin, method, path, query, headers, body, address, forwarded_for, distribution_arn
        )
    return await fetch(origin, method, uri, query, headers, body, is_https, address, forwarded_for, distribution_arn)


@patch("ministack.services.cloudfront:_fetch_from_origin")
async def _fetch(
    original: Callable[..., Any],
    origin: dict[str, Any],
    method: str,
    uri: str,
    query: str,
    headers: dict[str, Any],
    *request: Any,
) -> Any:
    async def ask() -> Any:
        return await _fetch_from_group(original, origin, method, uri, query, headers, *request)

    async def ask_cache() -> Any:
        return await (ask() if web_sockets.wanted() else caching.kept(origin, method, uri, query, headers, ask))

    return await error_pages.answered(method, uri, query, ask_cache)


async def _fetch_from_group(original: Callable[..., Any], origin: dict[str, Any], method: str, *request: Any) -> Any:
    for member in origin.get("members", [])[:-1] if method in _FAILS_OVER else []:
        try:
            answer = await _fetch_from_one(original, member, method, *request)
        except (_cloudfront.OriginTimeout, _cloudfront.OriginUnreachable):
            continue
        if answer[0] not in origin["fails_over_on"]:
            return answer
    last = origin["members"][-1] if method in _FAILS_OVER and "members" in origin else origin
    return await _fetch_from_one(original, last, method, *request)
