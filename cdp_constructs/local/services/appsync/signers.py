"""AppSync Events: what IAM principals may do over a WebSocket, which they sign as a request that they do not send.

They sign `POST https://<host>/event` with the body `{}` to connect, and with the channel in it to subscribe
(https://docs.aws.amazon.com/appsync/latest/eventapi/event-api-websocket-protocol.html).
"""

import contextvars
import json
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["signer_may"]

_evaluator: Any = ministack.module(
    "core.iam_evaluator", "AuthError", "authenticate", "enforce", "pin_signed_body", "pin_signed_request"
)
_responses: Any = ministack.module("core.responses")
_router: Any = ministack.module("core.router", "extract_access_key_id")
_sigv4: Any = ministack.module("core.sigv4", "parse_header_signature")


def _may(headers: Mapping[str, str], document: Mapping[str, Any], action: str, resource: str) -> bool:
    signature = _sigv4.parse_header_signature(headers)
    account, region = _responses.get_account_id(), _responses.get_region()
    if isinstance(signature, tuple) or (signature.service, signature.region) != ("appsync", region):
        return False
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    _evaluator.pin_signed_request("POST", "/event", {}, raw)
    _evaluator.pin_signed_body(json.dumps(document, separators=(",", ":")).encode())
    key = _router.extract_access_key_id(headers, {})
    principal = _evaluator.authenticate(key, account)
    if principal is None or isinstance(principal, _evaluator.AuthError):
        return False
    return _evaluator.enforce(key, action, "appsync", region, resource_arn=resource) is None


def signer_may(authorization: Mapping[str, Any], document: Mapping[str, Any], action: str, resource: str) -> bool:
    """Tell whether the signature of a WebSocket's authorization verifies and its principal may do something.

    Args:
        authorization: The headers that the client signed, by name.
        document: The body that it signed.
        action: For example `appsync:EventSubscribe`.
        resource: ARN of the API or the namespace.
    """
    headers = {name.lower(): str(value) for name, value in authorization.items()}
    try:
        # What it learns about the request is noted in context variables, which this question must not change.
        return contextvars.copy_context().run(_may, headers, document, action, resource)
    except UnicodeEncodeError:
        return False
