"""API Gateway: which tokens the authorizers for user pools accept, and how policies of functions are read.

The effect of a statement that an authorizer's function returns may be written in lower case. The refresh tokens of
Cognito are encrypted on AWS, so that an authorizer cannot read them; MiniStack's are signed with the key of the access
tokens.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, patch_each

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


@patch_each(
    "ministack.services.apigateway:_evaluate_authorizer_policy", "ministack.services.apigateway_v1:_evaluate_policy"
)
def _evaluate(original: Callable[[Any, str], str], policy: Any, arn: str) -> str:
    return original(_with_effects(policy), arn)


def _with_effects(policy: Any) -> Any:
    if not isinstance(policy, Mapping):
        return policy
    given = policy.get("Statement") or []
    statements = given if isinstance(given, list) else [given]
    capitalised = [
        {**each, "Effect": str(each.get("Effect", "")).capitalize()} if isinstance(each, Mapping) else each
        for each in statements
    ]
    return {**policy, "Statement": capitalised}


@patch("ministack.services.apigateway_v1:_deny_error")
def _denial(_original: Callable[[bool], Any], explicit: bool) -> Any:  # as MiniStack calls it
    """Answer as AWS does when an authorizer's function denies; identity-based policies have another text."""
    reason = " with an explicit deny" if explicit else ""
    return _apigateway_v1._gw_error("ACCESS_DENIED", f"User is not authorized to access this resource{reason}")
