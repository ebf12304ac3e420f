"""Schedule expressions that EventBridge, its Scheduler and Secrets Manager take.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html: a rule has `rate(1 minute)` and
`rate(2 minutes)`; the Scheduler takes either form.
"""

import re
from datetime import datetime
from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["is_cron", "is_rate", "is_time"]

_events: Any = ministack.module("services.eventbridge", "_parse_cron_fields")

_RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)(s?)\)")


def is_rate(expression: str, *, units: str = "minute hour day", grammatical: bool = True) -> bool:
    """Whether an expression is a rate of at least one.

    Args:
        expression: For example `rate(5 minutes)`.
        units: The units that are taken, in the singular.
        grammatical: One of a unit is written in the singular, and more in the plural.
    """
    match = _RATE.fullmatch(expression)
    if match is None or match[2] not in units.split():
        return False
    return not grammatical or (match[1] == "1") == (not match[3])


def is_cron(expression: str) -> bool:
    """Whether an expression is a `cron` of six fields, of which one of both kinds of day is `?`."""
    return _events._parse_cron_fields(expression) is not None


def is_time(expression: str) -> bool:
    """Whether an expression is one time, such as `at(2026-11-20T13:00:00)`."""
    if not (expression.startswith("at(") and expression.endswith(")")):
        return False
    try:
        datetime.strptime(expression[3:-1], "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007 - the zone stands elsewhere
    except ValueError:
        return False
    return True
