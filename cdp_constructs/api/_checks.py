"""Checks of whose tokens an API takes, and of how many requests."""

import re
from collections.abc import Sequence

from aws_cdk import Token
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from constructs import Construct

from cdp_constructs.api.sign_in_user_pool import TokenIssuer
from cdp_constructs.core.validation import InvalidOptionError, check_range

_LIMITS = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"
MOST_REQUESTS, LARGEST_BURST = 10_000, 5_000

# https://www.rfc-editor.org/rfc/rfc6749#appendix-A.4
_SCOPE = re.compile(r"[!#-\[\]-~]+")


def check_throttle(construct: Construct, limits: apigatewayv2.ThrottleSettings) -> None:
    """Refuse limits that an account does not have.

    Raises:
        InvalidOptionError: naming the limit.
    """
    for name, value, most in (
        ("rate_limit", limits.rate_limit, MOST_REQUESTS),
        ("burst_limit", limits.burst_limit, LARGEST_BURST),
    ):
        check_range(construct, f"throttle.{name}", value or 0, low=1, high=most, unit="requests", source=_LIMITS)


def checked_scopes(construct: Construct, scopes: Sequence[str]) -> list[str]:
    """Return scopes as a list.

    Raises:
        InvalidOptionError: for a string instead of a list, or a scope that no token can have.
    """
    if isinstance(scopes, str) or not all(_SCOPE.fullmatch(scope) for scope in scopes):
        fix = 'Give a list of scopes without spaces, such as ["aws.cognito.signin.user.admin"]'
        raise InvalidOptionError(construct, "authorization_scopes", f"is {scopes!r}", fix)
    return list(scopes)


def check_issuer(construct: Construct, issuer: TokenIssuer) -> None:
    """Refuse an issuer whose tokens nobody could check.

    Raises:
        InvalidOptionError: for an issuer without audience, or that is no https address.
    """
    if isinstance(issuer.audience, str) or not issuer.audience:
        fix = "Name the clients whose tokens are taken, such as TokenIssuer(url, [client_id])"
        raise InvalidOptionError(construct, "issuer.audience", f"is {issuer.audience!r}", fix)
    if not Token.is_unresolved(issuer.url) and not issuer.url.startswith("https://"):
        fix = "Use the https address that the claim iss of its tokens has"
        raise InvalidOptionError(construct, "issuer.url", f"is {issuer.url!r}", fix)
