"""The account and the Region of a resource, by its ARN."""

from contextlib import AbstractContextManager
from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["place", "scope"]

_responses: Any = ministack.module("core.responses", "request_scope")


def place(arn: str) -> tuple[str, str]:
    """Return account and Region of an ARN."""
    region, account = arn.split(":")[3:5]
    return account, region


def scope(arn: str) -> AbstractContextManager[None]:
    """Act in the account and Region of an ARN."""
    entered: AbstractContextManager[None] = _responses.request_scope(*place(arn))
    return entered
