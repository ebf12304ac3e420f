"""In which Region the functions and containers run that send requests: who else sends one is outside of all Regions."""

from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["region_of_caller", "remember_caller"]

_router: Any = ministack.module("core.router", "extract_access_key_id")

_regions: dict[str, str] = {}
"""By the access key that a function or a task got."""


def remember_caller(access_key_id: str, region: str) -> None:
    """Remember for whom an access key was made.

    Args:
        access_key_id: The access key.
        region: Where the function or the task runs.
    """
    _regions[access_key_id] = region


def region_of_caller(headers: Mapping[str, str], query: Mapping[str, list[str]]) -> str | None:
    """Return where a request comes from; None from outside, as those by presigned addresses do."""
    if "authorization" not in headers:
        return None
    return _regions.get(_router.extract_access_key_id(headers, query))
