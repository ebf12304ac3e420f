"""Secrets Manager: rotation calls the function with its four steps; `Ref` of a secret is its ARN.

Functions that AWS provides, and the rotation of secrets that another service manages, are steps in this process.
"""

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import handler
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType
from cdp_constructs.local.services.lambda_.invocation import invoke

__all__ = ["RESOURCE_TYPES", "Step", "hosted", "managers", "providers", "rotate"]

_Answer: TypeAlias = tuple[int, dict[str, str], bytes]
Step: TypeAlias = Callable[[dict[str, Any], str, str], None]
"""Does one of the four steps: (secret, id of the new version, name of the step)."""
hosted: dict[str, Step] = {}
"""The functions that AWS provides, by their ARN."""
managers: list[Callable[[Mapping[str, Any]], Step | None]] = []
"""What rotates the secrets of other services; None from each that does not manage a secret."""
providers: dict[str, Callable[[Properties], str]] = {}
"""By the prefix of a rotation type, what makes a hosted function from `HostedRotationLambda` and returns its ARN."""

_lambda: Any = ministack.module("services.lambda_svc", "_get_func_record_for_ref")
_responses: Any = ministack.module("core.responses")
_secrets: Any = ministack.module(
    "services.secretsmanager", "_find_stage_version", "_remove_stage_everywhere", "_resolve", "_rotate_secret"
)
_log = logging.getLogger(__name__)

_STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
_PENDING = "AWSPENDING"
_SINCE = "_rotating_since"
"""The key of a secret that says when, on the clock of metrics, its schedule began or it was rotated last."""


def _may_invoke(policy: Mapping[str, Any]) -> bool:
    principals = [item.get("Principal") for item in policy.get("Statement", []) if item.get("Effect") == "Allow"]
    return any(isinstance(item, dict) and item.get("Service") == "secretsmanager.amazonaws.com" for item in principals)


def _manager(secret: Mapping[str, Any]) -> Step | None:
    return next((found for manager in managers if (found := manager(secret))), None)


def _invoke(arn: str, secret: dict[str, Any], version: str, step: str) -> None:
    if provided := hosted.get(arn) if arn else _manager(secret):
        provided(secret, version, step)
        return
    request = {"Step": step, "SecretId": secret["ARN"], "ClientRequestToken": version}
    answer = invoke(arn, request | {"RotationToken": _responses.new_uuid()})
    if answer.get("error") or answer.get("throttle"):
        raise RuntimeError(f"{step} failed: {answer.get('body')!r}")


def _run(arn: str, secret: dict[str, Any], version: str, *, rotate: bool) -> None:
    """Rotate a secret. When it fails, the label AWSPENDING stays, and the next rotation is refused, as on AWS."""
    try:
        for step in _STEPS if rotate else ("testSecret",):
            _invoke(arn, secret, version, step)
    except Exception:  # noqa: BLE001 - whatever a function does, the server goes on; the caller learns nothing, as on AWS
        _log.exception("rotation of %s failed", secret["Name"])
        if rotate:
            return
    if rotate:
        secret["LastRotatedDate"] = int(time.time())
        if "AWSCURRENT" in secret["Versions"][version]["Stages"]:
            _secrets._remove_stage_everywhere(secret, _PENDING)
    else:
        del secret["Versions"][version]


@patch("ministack.services.secretsmanager:_rotate_secret")
def _rotate(original: Callable[[Mapping[str, Any]], _Answer], data: Mapping[str, Any]) -> _Answer:
    _, secret = _secrets._resolve(data.get("SecretId"))
    arn = data.get("RotationLambdaARN") or (secret or {}).get("RotationLambdaARN")
    if not secret or secret.get("DeletedDate") or not (arn or _manager(secret)):
        return original(data)
    if arn and arn not in hosted:
        function, _, _ = _lambda._get_func_record_for_ref(arn)
        if function is None or not _may_invoke(function["policy"]):
            message = f"Secrets Manager cannot invoke the specified Lambda function: {arn}"
            return _error("AccessDeniedException", message)
    pending, _ = _secrets._find_stage_version(secret, _PENDING)
    if pending:
        return _error("InvalidRequestException", "A previous rotation isn't complete; it will be retried.")
    secret |= {"RotationLambdaARN": arn, "RotationEnabled": True, _SINCE: clock.now()}
    if data.get("RotationRules"):
        secret["RotationRules"] = data["RotationRules"]
    version = data.get("ClientRequestToken") or _responses.new_uuid()
    secret["Versions"][version] = {
        "SecretString": None,
        "SecretBinary": None,
        "CreatedDate": int(time.time()),
        "Stages": [_PENDING],
    }
    context = contextvars.copy_context()
    job = {"rotate": data.get("RotateImmediately", True)}
    threading.Thread(
        target=context.run, args=(_run, arn, secret, version), kwargs=job, name="rotation", daemon=True
    ).start()
    answer: _Answer = _responses.json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": version})
    return answer


@patch("ministack.services.secretsmanager:_get_secret_value")
def _get_value(original: Callable[[Mapping[str, Any]], _Answer], data: Mapping[str, Any]) -> _Answer:
    """Refuse a version without a value, such as one that a rotation has created but not filled."""
    answer = original(data)
    if answer[0] == HTTPStatus.OK and not any(part in answer[2] for part in (b'"SecretString"', b'"SecretBinary"')):
        stage = data.get("VersionStage", "AWSCURRENT")
        message = f"Secrets Manager can't find the specified secret value for staging label: {stage}"
        return _error("ResourceNotFoundException", message)
    return answer


def _error(code: str, message: str) -> _Answer:
    answer: _Answer = _responses.error_response_json(code, message, 400)
    return answer


def rotate(secret: str) -> bool:
    """Rotate a secret as its schedule does; False when it was refused."""
    answer: _Answer = _secrets._rotate_secret({"SecretId": secret})
    return answer[0] < HTTPStatus.BAD_REQUEST


def _function(properties: Properties) -> str | None:
    """Return the ARN of the function that rotates; one of those that AWS provides is made for the schedule."""
    asked = properties.get("HostedRotationLambda")
    if not asked:
        return properties.get("RotationLambdaARN")
    kind = str(asked.get("RotationType", ""))
    for prefix, provide in providers.items():
        if kind.startswith(prefix):
            return provide(asked)
    raise ValueError(f"RotationType is {kind}; only those of {', '.join(providers)} run here")


def _schedule(properties: Properties) -> tuple[str, Attributes]:
    answer = _secrets._rotate_secret(
        {
            "SecretId": properties["SecretId"],
            "RotationLambdaARN": _function(properties),
            "RotationRules": properties.get("RotationRules"),
            # A template has the text "false" where the API has a boolean.
            "RotateImmediately": str(properties.get("RotateImmediatelyOnUpdate", "true")).lower() != "false",
        }
    )
    if answer[0] >= HTTPStatus.BAD_REQUEST:
        raise ValueError(f"Secrets Manager refused the rotation: {answer[2].decode()}")
    return properties["SecretId"], {}


def _create(_logical_id: str, properties: Properties, _stack_name: str) -> tuple[str, Attributes]:
    return _schedule(properties)


def _update(_physical_id: str, _old: Properties, new: Properties, _stack_name: str) -> tuple[str, Attributes]:
    return _schedule(new)


def _delete(physical_id: str, _properties: Properties) -> None:
    _, secret = _secrets._resolve(physical_id)
    if secret:
        secret["RotationEnabled"] = False
        secret.pop("RotationRules", None)


RESOURCE_TYPES = (
    ResourceType(name="AWS::SecretsManager::RotationSchedule", create=_create, update=_update, delete=_delete),
)


# The physical id of `AWS::SecretsManager::Secret`, and so `Ref`, is the ARN; MiniStack's is the name.


@patch(handler("AWS::SecretsManager::Secret", "create"))
def _created(
    original: Callable[..., tuple[str, Attributes]], logical_id: str, properties: Properties, stack_name: str
) -> tuple[str, Attributes]:
    attributes = original(logical_id, properties, stack_name)[1]
    return attributes["Arn"], attributes


@patch(handler("AWS::SecretsManager::Secret", "update"))
def _updated(
    original: Callable[..., tuple[str, Attributes]], arn: str, old: Properties, new: Properties, *names: str
) -> tuple[str, Attributes]:
    attributes = original(_secrets._resolve(arn)[0], old, new, *names)[1]
    return attributes["Arn"], attributes


@patch(handler("AWS::SecretsManager::Secret", "delete"))
def _deleted(original: Callable[..., None], arn: str, properties: Properties, *names: str) -> None:
    original(_secrets._resolve(arn)[0], properties, *names)
