"""Secrets Manager: rotations that a schedule is due for, by the clock of metrics."""

import re
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.metrics import gauge
from cdp_constructs.local.services.secretsmanager import rotation

_responses: Any = ministack.module("core.responses", "request_scope")
_secrets: Any = ministack.module("services.secretsmanager", "_secrets")

_SECONDS = {"hour": 3600.0, "day": 86400.0}
_RATE = re.compile(r"rate\((\d+) (hour|day)s?\)")


def period(rules: Mapping[str, Any]) -> float | None:
    """Return how many seconds pass between rotations; None without a rate, as with a `cron` expression."""
    if match := _RATE.fullmatch(str(rules.get("ScheduleExpression", ""))):
        return int(match[1]) * _SECONDS[match[2]]
    days = rules.get("AutomaticallyAfterDays")
    return int(days) * _SECONDS["day"] if days else None


@gauge
def _rotate() -> None:
    for (account, region, name), secret in list(_secrets._secrets.all_items()):
        seconds, since = period(secret.get("RotationRules") or {}), secret.get("_rotating_since")
        if not (secret.get("RotationEnabled") and seconds and since is not None and clock.now() >= since + seconds):
            continue
        secret["_rotating_since"] = clock.now()  # a rotation that is refused is due again after the next period
        with _responses.request_scope(account, region):
            rotation.rotate(name)
