"""WAF: the resources that a web ACL protects ask it about each request.

These are CloudFront distributions, the public API of Cognito user pools, and stages of REST APIs. The address of a
client is the one that its connection comes from, so that all clients of this machine that do not choose another address
of the loopback network are one client.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.wafv2.statements import Request
from cdp_constructs.local.services.wafv2.web_acls import Blocked, decide

_apigateway: Any = ministack.module("services.apigateway_v1", "find_api_scope")
_cloudfront: Any = ministack.module(
    "services.cloudfront", "_ERROR_X_CACHE", "_add_cloudfront_headers", "_cf_error_response", "_dist_config_el", "_text"
)
_cognito: Any = ministack.module(
    "services.cognito",
    "_UNSIGNED_IDP_ACTIONS",
    "_challenge_sessions",
    "_pool_id_from_token",
    "_pool_region",
    "_pool_scope_for_client",
)
_responses: Any = ministack.module("core.responses", "get_request_client_ip")
_waf: Any = ministack.module("services.waf", "_associations")

_POOL_API = "AWSCognitoIdentityProviderService."
_TOKENS = ("AccessToken", "RefreshToken", "Token")

_web_acls: dict[tuple[str, str], str] = {}
"""ARNs of the web ACLs of distributions, by the id of each and the version of its configuration."""


def _web_acl_of(distribution: Mapping[str, Any]) -> str:
    key = (distribution["Id"], distribution["ETag"])
    if key not in _web_acls:
        named = _cloudfront._text(_cloudfront._dist_config_el(distribution), "WebACLId") or ""
        # The id of a web ACL of the first version of WAF is no ARN.
        _web_acls[key] = named if named.startswith("arn:") else ""
    return _web_acls[key]


@patch("ministack.services.cloudfront:handle_viewer_request")
async def _protect_distribution(
    original: Callable[..., Awaitable[Any]],
    distribution: dict[str, Any],
    method: str,
    path: str,
    raw_uri: str,
    query: str,
    headers: dict[str, str],
    body: bytes,
    parameters: Any,
    address: str = "127.0.0.1",
) -> Any:
    arn = _web_acl_of(distribution)
    blocked = arn and decide(arn, Request(address, method, raw_uri.partition("?")[0], query, headers, body))
    if blocked:
        if blocked.body is None:
            return _cloudfront._cf_error_response(blocked.status, "Request blocked.", _cloudfront._ERROR_X_CACHE)
        answered = _cloudfront._add_cloudfront_headers(dict(blocked.headers), _cloudfront._ERROR_X_CACHE)
        return blocked.status, answered, blocked.body
    return await original(distribution, method, path, raw_uri, query, headers, body, parameters, address)


def _pool_of(data: Mapping[str, Any]) -> str | None:
    """Return the id of the user pool that a request of its public API is for."""
    session = _cognito._challenge_sessions.get(data.get("Session") or "") or {}
    tokens = (_cognito._pool_id_from_token(data[name]) for name in _TOKENS if data.get(name))
    named = data.get("UserPoolId") or session.get("pool_id") or next(tokens, None)
    client = None if named else _cognito._pool_scope_for_client(data.get("ClientId") or "")
    pool_id: str | None = named or (client[0] if client else None)
    return pool_id


@patch("ministack.services.cognito:handle_request")
async def _protect_user_pool(
    original: Callable[..., Awaitable[Any]], method: str, path: str, headers: dict[str, str], body: bytes, query: Any
) -> Any:
    service, _, operation = headers.get("x-amz-target", "").rpartition(".")
    if f"{service}." == _POOL_API and operation in _cognito._UNSIGNED_IDP_ACTIONS:
        try:
            data = json.loads(body or b"{}")
        except ValueError:
            data = None
        pool_id = _pool_of(data) if isinstance(data, dict) else None
        if data and pool_id:
            account, region = _responses.get_account_id(), _cognito._pool_region(pool_id)
            pool = f"arn:aws:cognito-idp:{region}:{account}:userpool/{pool_id}"
            # Cognito hides the body, and names these two instead.
            named = {"operation-name": operation, "client-id": str(data.get("ClientId") or "")}
            shown = {**headers, **{f"x-amzn-cognito-{name}": value for name, value in named.items()}}
            blocked = _ask(account, region, pool, Request(_responses.get_request_client_ip(), method, path, "", shown))
            if blocked:
                refusal = {"__type": "ForbiddenException", "message": "Request not allowed due to WAF block."}
                return (
                    HTTPStatus.FORBIDDEN,
                    {"Content-Type": "application/x-amz-json-1.1"},
                    json.dumps(refusal).encode(),
                )
    return await original(method, path, headers, body, query)


@patch("ministack.services.apigateway_v1:handle_execute")
async def _protect_stage(
    original: Callable[..., Awaitable[Any]],
    api_id: str,
    stage: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: Mapping[str, list[str]],
) -> Any:
    scope = _apigateway.find_api_scope(api_id)
    if scope:
        account, region = scope
        arn = f"arn:aws:apigateway:{region}::/restapis/{api_id}/stages/{stage}"
        text = "&".join(f"{name}={value}" for name, values in (query or {}).items() for value in values)
        lowered = {name.lower(): value for name, value in headers.items()}
        request = Request(_responses.get_request_client_ip(), method, f"/{stage}{path}", text, lowered, body)
        blocked = _ask(account, region, arn, request)
        if blocked:
            if blocked.body is None:
                return blocked.status, {"Content-Type": "application/json"}, b'{"message":"Forbidden"}'
            return blocked.status, dict(blocked.headers), blocked.body
    return await original(api_id, stage, method, path, headers, body, query)


def _ask(account: str, region: str, resource: str, request: Request) -> Blocked | None:
    arn = _waf._associations.get_scoped(account, region, resource)
    return decide(arn, request) if arn else None
