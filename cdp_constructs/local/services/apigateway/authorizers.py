"""API Gateway: which tokens the authorizers for user pools accept, those of HTTP APIs and of REST APIs.

The refresh tokens of Cognito are encrypted on AWS, so that an authorizer cannot read them; MiniStack's are signed with
the key of the access tokens.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_apigateway: Any = ministack.module("services.apigateway", "_extract_token_from_identity_source", "_jwt_unauthorized")
_apigateway_v1: Any = ministack.module("services.apigateway_v1", "_gw_error")
_cognito: Any = ministack.module("services.cognito", "_token_claims")

_ACCEPTED = {"access", "id"}


@patch("ministack.services.apigateway:_validate_jwt_authorizer")
async def _refuse_refresh_tokens(
    original: Callable[..., Awaitable[tuple[Any, Any, Any]]],
    route: Mapping[str, Any],
    authorizer: Mapping[str, Any],
    headers: Mapping[str, str],
    query: Mapping[str, Any],
) -> tuple[Any, Any, Any]:
    token = _apigateway._extract_token_from_identity_source(authorizer.get("identitySource", []), headers, query)
    # Issuers other than Cognito need not say what a token is for.
    if token and _cognito._token_claims(token).get("token_use", "access") not in _ACCEPTED:
        return None, None, _apigateway._jwt_unauthorized()
    return await original(route, authorizer, headers, query)


@patch("ministack.services.apigateway_v1:_validate_cognito_authorizer")
async def _refuse_refresh_tokens_of_rest_apis(
    original: Callable[..., Awaitable[tuple[Any, Any]]], *arguments: Any
) -> tuple[Any, Any]:
    claims, refusal = await original(*arguments)
    if refusal is None and claims.get("token_use") not in _ACCEPTED:
        return None, _apigateway_v1._gw_error("UNAUTHORIZED", "Unauthorized")
    return claims, refusal
