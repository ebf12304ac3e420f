"""Checks of whose tokens an API takes, and of how many requests."""

import re
from collections.abc import Sequence

from aws_cdk import Token
from constructs import Construct

from cdp_constructs.api.sign_in_user_pool import TokenIssuer
from cdp_constructs.core.validation import InvalidOptionError

# https://www.rfc-editor.org/rfc/rfc6749#appendix-A.4
_SCOPE = re.compile(r"[!#-\[\]-~]+")


def checked_scopes(construct: Construct, scopes: Sequence[str]) -> list[str]:
    """Return scopes as a list.

    Raises:
        InvalidOptionError: for a scope that no token can have.
    """
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            fix = "Use scopes without spaces, such as aws.cognito.signin.user.admin"
            raise InvalidOptionError(construct, "authorization_scopes", f"contains {scope!r}", fix)
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
