"""IAM: a policy document is parsed once, and not for each request that it is evaluated for.

MiniStack parses all policies of the caller twice for each request: for the decision, and for the caller's ARN, which
needs none of them. With the policies of a topic, a queue and a key that is a fifth of what a request costs.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, replace

_iam_evaluator: Any = ministack.module("core.iam_evaluator", "CredentialResolutionError", "resolve_credential")
_responses: Any = ministack.module("core.responses", "_account_from_sts_session")
_router: Any = ministack.module("core.router", "extract_access_key_id")

_CACHED = 1024


@replace("ministack.core.iam_evaluator:parse_policy_document")
def _parse_once(original: Callable[..., Any]) -> Callable[..., Any]:
    """Cache what policies say; they are replaced, never changed."""
    parse_text = lru_cache(_CACHED)(original)

    def parse(document: str | dict[str, Any]) -> Any:
        return parse_text(document) if isinstance(document, str) else original(document)

    return parse


@patch("ministack.core.iam_evaluator:request_caller_arn")
def _caller_arn(
    _original: Callable[..., str], headers: Mapping[str, str], query: Mapping[str, Any] | None = None
) -> str:
    """Name the caller, or the root of the account, without reading policies."""
    account = _responses.get_account_id()
    key = _router.extract_access_key_id(headers or {}, query or {})
    if key:
        credential = _iam_evaluator.resolve_credential(key, _responses._account_from_sts_session(key) or account)
        if not isinstance(credential, _iam_evaluator.CredentialResolutionError) and credential.principal_arn:
            return str(credential.principal_arn)
    return f"arn:aws:iam::{account}:root"
