"""Whether the signature of a request verifies, for services that accept connections outside of MiniStack's dispatch.

`signer(scope)` is the one function for it: signature version 4 in the `Authorization` header or in the query string,
of HTTP requests and of WebSocket upgrades, by the root user, users, roles and sessions alike.
"""

import contextvars
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote

from cdp_constructs.local.kit import ministack

__all__ = ["Signer", "signer"]

_evaluator: Any = ministack.module(
    "core.iam_evaluator",
    "AuthError",
    "authenticate",
    "find_iam_access_key_account",
    "pin_signed_body",
    "pin_signed_request",
)
_responses: Any = ministack.module("core.responses", "set_request_account_id")
_router: Any = ministack.module("core.router", "extract_access_key_id", "extract_region")


@dataclass(frozen=True)
class Signer:
    """Who signed a request.

    Attributes:
        access_key_id: The access key.
        account: Account of the key.
        region: Region that the request is signed for.
        arn: The principal, for example `arn:aws:sts::000000000000:assumed-role/Device/session`.
        is_root: Whether it is the root user of the account, whom no policy limits.
    """

    access_key_id: str
    account: str
    region: str
    arn: str
    is_root: bool


def _verified(scope: Any, body: bytes) -> Signer | None:
    path = scope.get("raw_path") or quote(scope["path"]).encode()
    query = parse_qs(scope.get("query_string", b"").decode("utf-8", "replace"), keep_blank_values=True)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    key = _router.extract_access_key_id(headers, query)
    if not key:
        return None
    _responses.set_request_account_id(_evaluator.find_iam_access_key_account(key) or key)
    _evaluator.pin_signed_request(scope.get("method", "GET"), path.decode("latin-1"), query, scope["headers"])
    _evaluator.pin_signed_body(body)
    principal = _evaluator.authenticate(key, _responses.get_account_id())
    if principal is None or isinstance(principal, _evaluator.AuthError):
        return None
    return Signer(
        access_key_id=key,
        account=principal.account_id,
        region=_router.extract_region(headers, query),
        arn=principal.principal_arn,
        is_root=principal.principal_type == "Root",
    )


def signer(scope: Any, body: bytes = b"") -> Signer | None:
    """Return who signed a request; None when it is not signed, or its signature does not verify or has expired.

    Args:
        scope: ASGI scope of the request (`http` or `websocket`), with the host name that the client signed.
        body: What a request with a body has in it.
    """
    # What it learns about the request is noted in context variables, which this question must not change.
    return contextvars.copy_context().run(_verified, scope, body)
