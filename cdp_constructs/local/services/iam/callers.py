"""IAM: the caller of a request is named without reading the caller's policies, which MiniStack parses to do so."""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_iam_evaluator: Any = ministack.module("core.iam_evaluator", "CredentialResolutionError", "resolve_credential")
_responses: Any = ministack.module("core.responses", "_account_from_sts_session")
_router: Any = ministack.module("core.router", "extract_access_key_id")


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
