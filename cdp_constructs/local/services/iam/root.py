"""IAM: the root user has the key that this server was started with, and signs like everybody.

MiniStack takes `test`, and any twelve digits, for the root user and does not verify its signatures; so it does with a
request that has an `Authorization` header which is not one of AWS. Here a root key is a session of the root user, and
a request that is not signed is refused wherever AWS asks for a signature.
"""

import hmac
import re
from collections.abc import Callable
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from cdp_constructs.assembly import DEFAULT_ACCOUNT
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, patch_each, replace
from cdp_constructs.local.kit.root import root_key

__all__ = ["account_of_root"]

_app: Any = ministack.module("app", "_S3_CONTROL_PREFIX", "_execute_api_authorization_type", "_s3_cors_target")
_evaluator: Any = ministack.module(
    "core.iam_evaluator", "AuthError", "SignedRequest", "_served_unsigned", "_signed_request"
)
_iam_actions: Any = ministack.module("core.iam_actions", "anonymous_denial_message")
_router: Any = ministack.module("core.router", "extract_access_key_id")

_ACCOUNT = re.compile(r"[0-9]{12}")
_ANONYMOUS_ACTIONS = ("execute-api:Invoke", "lambda:InvokeFunctionUrl")
"""What the API and the function URL decide themselves."""
_AUTHORIZES_ITSELF = ("appsync-events",)
"""Services that take tokens of their own."""

# Method, path and host of the request that is being served; None outside of requests.
_request: ContextVar[tuple[str, str, str] | None] = ContextVar("request", default=None)


def account_of_root(access_key_id: str) -> str | None:
    """Return the account whose root user has an access key, or None when it is no root key."""
    if hmac.compare_digest(access_key_id.encode(), root_key().access_key_id.encode()):
        return DEFAULT_ACCOUNT
    return access_key_id if _ACCOUNT.fullmatch(access_key_id) else None


class _Sessions(dict[str, dict[str, Any]]):
    """Sessions, those of the root users included, which exist in every account and are never forgotten."""

    def __missing__(self, key: str) -> dict[str, Any]:
        account = account_of_root(key)
        if account is None:
            raise KeyError(key)
        return {
            "Arn": f"arn:aws:iam::{account}:root",
            "UserId": account,
            "SecretAccessKey": root_key().secret_access_key,
            "SourceAccessKeyId": key,
            "AccountId": account,
        }

    def get(self, key: str, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key) is not None


@replace("ministack.services.sts:_sessions")
def _with_root_users(original: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return _Sessions(original)


@patch_each("ministack.core.iam_evaluator:is_root_access_key", "ministack.services.sts:is_root_access_key")
def _no_key_is_exempt(_original: Callable[..., bool], _access_key_id: str) -> bool:
    return False


@patch_each("ministack.app:pin_signed_request", "ministack.core.iam_evaluator:pin_signed_request")
def _pin(
    original: Callable[..., None], method: str, raw_path: str, query: Any, raw_headers: Any, **options: Any
) -> None:
    original(method, raw_path, query, raw_headers, **options)
    headers = {name.lower(): value.decode("latin-1") for name, value in raw_headers}
    _request.set((method, raw_path, headers.get(b"host", "")))
    key = _router.extract_access_key_id({"authorization": headers.get(b"authorization", "")}, query)
    if key and _evaluator._signed_request.get() is None:
        # It names a key beside credentials of another kind, so that nothing would verify what it signed with the key.
        _evaluator._signed_request.set(_evaluator.SignedRequest(key, method, raw_path, query, {}, unverifiable=True))


def _may_be_anonymous(service: str, action: str | None) -> bool:
    request = _request.get()
    if request is None:  # one service of this server asks for another
        return True
    method, path, host = request
    if service == "s3":
        # The policy of an existing bucket decides, and whoever reads from one that does not exist is told so.
        named = not path.startswith(_app._S3_CONTROL_PREFIX) and path.strip("/")
        return bool(named) and (method in {"GET", "HEAD"} or _app._s3_cors_target(host, path) is not None)
    if action is None:
        return service in _AUTHORIZES_ITSELF
    return action in _ANONYMOUS_ACTIONS or bool(_evaluator._served_unsigned(service, action))


def _refusal(access_key_id: str, service: str, action: str | None, resource: str) -> Any:
    """Return why a request is refused before any policy is asked, or None."""
    signed, request = _evaluator._signed_request.get(), _request.get()
    if access_key_id or signed is not None:
        # S3 verifies URLs that are signed for it, but not where it is S3 Control.
        if signed is not None and signed.s3_scoped and request and request[1].startswith(_app._S3_CONTROL_PREFIX):
            return _evaluator.AuthError("AccessDenied", "Access Denied")
        return None
    if _may_be_anonymous(service, action):
        return None
    if service == "s3":
        return _evaluator.AuthError("AccessDenied", "Access Denied")
    message = _iam_actions.anonymous_denial_message(service, action or "", resource)
    return _evaluator.AuthError("MissingAuthenticationToken", message)


@patch("ministack.core.iam_evaluator:enforce")
def _enforce(
    original: Callable[..., Any],
    access_key_id: str,
    action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: Any = None,
) -> Any:
    refusal = _refusal(access_key_id, service, action, resource_arn)
    if refusal is not None or (not access_key_id and _evaluator._signed_request.get() is None):
        return refusal
    return original(access_key_id, action, service, region, resource_arn, service_context)


@patch("ministack.core.iam_evaluator:check_credentials")
def _check_credentials(original: Callable[..., Any], access_key_id: str, service: str | None = None) -> Any:
    refusal = _refusal(access_key_id, service or "", None, "*")
    if refusal is not None or (not access_key_id and _evaluator._signed_request.get() is None):
        return refusal
    return original(access_key_id, service)


@patch("ministack.app:_enforce_execute_api")
def _enforce_api(
    original: Callable[..., Any],
    api_id: str,
    stage: str,
    method: str,
    path: str,
    headers: Any,
    query: Any,
    **options: Any,
) -> Any:
    denied = original(api_id, stage, method, path, headers, query, **options)
    # Without any header the API refuses by itself; another header than that of a signature is as good as none.
    unsigned = headers.get("authorization") and not _router.extract_access_key_id(headers, query)
    if denied is None and unsigned and _app._execute_api_authorization_type(api_id, stage, method, path) == "AWS_IAM":
        return HTTPStatus.FORBIDDEN, {"Content-Type": "application/json"}, b'{"message": "Forbidden"}'
    return denied
