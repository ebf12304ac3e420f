"""IAM: a policy document is read once, and not for every request that it is held against.

MiniStack parses all policies of the caller twice for each request: for the decision, and for the caller's ARN, which
needs none of them. With the policies of a topic, a queue and a key that is a fifth of what a request costs.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["PRIVATE_NAMES", "install"]

PRIVATE_NAMES = (
    "ministack.core.iam_evaluator:CredentialResolutionError",
    "ministack.core.iam_evaluator:parse_policy_document",
    "ministack.core.iam_evaluator:request_caller_arn",
    "ministack.core.iam_evaluator:resolve_credential",
    "ministack.core.responses:_account_from_sts_session",
    "ministack.core.router:extract_access_key_id",
)

_iam_evaluator: Any = ministack.module("core.iam_evaluator")
_responses: Any = ministack.module("core.responses")
_router: Any = ministack.module("core.router")

_REMEMBERED = 1024


def _caller_arn(headers: Mapping[str, str], query: Mapping[str, Any] | None = None) -> str:
    """Stands in for MiniStack's own: names the caller, or the root of the account, without reading policies."""
    account = _responses.get_account_id()
    key = _router.extract_access_key_id(headers or {}, query or {})
    if key:
        credential = _iam_evaluator.resolve_credential(key, _responses._account_from_sts_session(key) or account)
        if not isinstance(credential, _iam_evaluator.CredentialResolutionError) and credential.principal_arn:
            return str(credential.principal_arn)
    return f"arn:aws:iam::{account}:root"


def install() -> None:
    """Remember what policies say; they are replaced, never changed."""
    parse = _iam_evaluator.parse_policy_document
    parse_text = lru_cache(_REMEMBERED)(parse)

    def parse_policy_document(document: str | dict[str, Any]) -> Any:
        return parse_text(document) if isinstance(document, str) else parse(document)

    _iam_evaluator.parse_policy_document = parse_policy_document
    _iam_evaluator.request_caller_arn = _caller_arn
