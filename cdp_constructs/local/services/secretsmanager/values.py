"""Secrets Manager: values and rotations that AWS refuses.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
"""

import base64
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit.validation import InvalidValueError, validate
from cdp_constructs.local.services.events.expressions import is_cron, is_rate

__all__ = ["check_rotation"]

_MOST_BYTES = 65_536
_MOST_DAYS = 1_000


def _check_length(name: str, value: bytes) -> None:
    if len(value) > _MOST_BYTES:
        raise InvalidValueError(
            "ValidationException",
            f"1 validation error detected: Value at '{name}' failed to satisfy constraint: Member must have length "
            f"less than or equal to {_MOST_BYTES}; it has {len(value):,} bytes",
        )


@validate(
    types=("AWS::SecretsManager::Secret",),
    requests={"secretsmanager": ("CreateSecret", "PutSecretValue", "UpdateSecret")},
)
def _value(values: Mapping[str, Any]) -> None:
    text, data = values.get("SecretString"), values.get("SecretBinary")
    if text and data:
        raise InvalidValueError(
            "InvalidParameterException",
            "You can't specify both a binary secret value and a string secret value in the same secret.",
        )
    _check_length("secretString", str(text or "").encode())
    _check_length("secretBinary", base64.b64decode(data or ""))


def check_rotation(values: Mapping[str, Any]) -> None:
    """Refuse a rotation that AWS refuses, of a request or of `AWS::SecretsManager::RotationSchedule`.

    Raises:
        InvalidValueError: the schedule is none, or the days are out of range.
    """
    rules = values.get("RotationRules") or {}
    expression, days = rules.get("ScheduleExpression"), rules.get("AutomaticallyAfterDays")
    if expression and not (is_rate(expression, units="hour day", grammatical=False) or is_cron(expression)):
        raise InvalidValueError("InvalidParameterException", f"The rotation schedule is not valid: {expression}")
    if expression and days:
        raise InvalidValueError(
            "InvalidParameterException", "Give AutomaticallyAfterDays or ScheduleExpression, not both."
        )
    if days is not None and not 1 <= int(days) <= _MOST_DAYS:
        raise InvalidValueError(
            "InvalidParameterException", f"AutomaticallyAfterDays is {days}; 1 to {_MOST_DAYS} days are allowed."
        )


_rotations = validate(requests={"secretsmanager": ("RotateSecret",)})(check_rotation)
