"""KMS: callers that use an encrypted topic, queue or secret need permission for its customer-managed key as well.

MiniStack stores the key's id and requires no permission, so a missing grant on the key would first be noticed on AWS.
Callers are checked against their policies and that of the key, services that deliver (S3, SNS) against that of the key.
"""

import base64
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.validation import InvalidValueError, validate
from cdp_constructs.local.services.iam.evaluation import policy_allows_service

_kms: Any = ministack.module("services.kms", "_resolve_key")
_responses: Any = ministack.module("core.responses")
_secrets: Any = ministack.module("services.secretsmanager", "_resolve")
_sns: Any = ministack.module("services.sns", "_topic_by_arn_any_scope")
_sqs: Any = ministack.module("services.sqs", "_queue_by_arn")

_WRITE, _READ = ("kms:GenerateDataKey", "kms:Decrypt"), ("kms:Decrypt",)
_KEY_ACTIONS = {
    "secretsmanager:GetSecretValue": _READ,
    "secretsmanager:PutSecretValue": _WRITE,
    "sns:Publish": _WRITE,
    "sqs:ReceiveMessage": _READ,
    "sqs:SendMessage": _WRITE,
}
_ERROR_CODES = {"secretsmanager": "AccessDeniedException", "sns": "KMSAccessDenied", "sqs": "KmsAccessDenied"}

_denied: ContextVar[tuple[str, str] | None] = ContextVar("denied key", default=None)
"""Action and key because of which the current request is denied."""


def _key_id(service: str, arn: str) -> str | None:
    """Return the key of a topic, queue or secret, as it is configured; None when AWS owns the key."""
    if service == "sns":
        topic = _sns._topic_by_arn_any_scope(arn) or {"attributes": {}}
        return topic["attributes"].get("KmsMasterKeyId") or None
    if service == "sqs":
        queue = _sqs._queue_by_arn(arn) or {"attributes": {}}
        return queue["attributes"].get("KmsMasterKeyId") or None
    _, secret = _secrets._resolve(arn)
    return (secret or {}).get("KmsKeyId") or None


def _key(service: str, arn: str) -> dict[str, Any] | None:
    """Return the record of the customer's key, None when there is none or AWS manages it."""
    key_id = _key_id(service, arn)
    if not key_id or "alias/aws/" in key_id:
        return None
    _, _, _, region, account, *_ = arn.split(":")
    with _responses.request_scope(account, region):
        record: dict[str, Any] | None = _kms._resolve_key(key_id)
        return record


@patch("ministack.core.iam_evaluator:enforce")
def _enforce(
    original: Callable[..., Any], access_key: str, action: str, service: str, region: str, **options: Any
) -> Any:
    denial = original(access_key, action, service, region, **options)
    if denial or action not in _KEY_ACTIONS or not (key := _key(service, options.get("resource_arn", ""))):
        return denial
    context = {"kms:ViaService": f"{service}.{region}.amazonaws.com"}
    for key_action in _KEY_ACTIONS[action]:
        denial = original(access_key, key_action, "kms", region, resource_arn=key["Arn"], service_context=context)
        if denial:
            _denied.set((key_action, key["Arn"]))
            return denial
    return None


@patch("ministack.core.iam_actions:access_denied_response")
def _name_key(
    original: Callable[..., Any], service: str, action: str, principal: str, request_id: str, **options: Any
) -> Any:
    denied, _ = _denied.get(), _denied.set(None)
    if denied:
        action, key = denied
        options["error_code"] = _ERROR_CODES[service]
        options["message"] = f"User: {principal} is not authorized to perform: {action} on resource: {key}"
    return original(service, action, principal, request_id, **options)


@patch("ministack.services.sns:topic_policy_allows")
def _topic_allows(
    original: Callable[..., bool], arn: str, principal: str, source_arn: str, source_account: str
) -> bool:
    return original(arn, principal, source_arn, source_account) and _may_deliver("sns", arn, principal, source_arn)


@patch("ministack.services.sqs:queue_policy_allows")
def _queue_allows(
    original: Callable[..., bool], arn: str, principal: str, source_arn: str, source_account: str
) -> bool:
    return original(arn, principal, source_arn, source_account) and _may_deliver("sqs", arn, principal, source_arn)


def _may_deliver(service: str, arn: str, principal: str, source_arn: str) -> bool:
    """Whether another service may use the key of a topic or queue that it delivers to."""
    key_id = _key_id(service, arn)
    if not key_id:
        return True
    key = _key(service, arn)
    # The policy of a key that AWS manages names no service, and cannot be changed.
    return key is not None and all(_key_allows(key, action, principal, source_arn) for action in _WRITE)


def _key_allows(key: dict[str, Any], action: str, principal: str, source_arn: str) -> bool:
    _, _, _, region, account, *_ = key["Arn"].split(":")
    conditions = {"aws:sourcearn": source_arn, "aws:sourceaccount": account}
    return policy_allows_service(key.get("Policy"), principal, action, key["Arn"], region, conditions)


_MOST_PLAINTEXT = 4096


@validate(requests={"kms": ("Encrypt",)})
def _plaintext(values: Mapping[str, Any]) -> None:
    if len(base64.b64decode(values["Plaintext"])) > _MOST_PLAINTEXT:
        raise InvalidValueError(
            "ValidationException",
            "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length "
            f"less than or equal to {_MOST_PLAINTEXT}",
        )
