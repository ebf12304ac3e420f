"""Cognito: an id token names the roles of its user's groups, and the one of the group with the lowest precedence."""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_cognito: Any = ministack.module("services.cognito", "_get_pool_unscoped")


@patch("ministack.services.cognito:_apply_pretoken_trigger")
def _with_roles(original: Callable[..., dict[str, Any]], **given: Any) -> dict[str, Any]:
    if given["token_type"] == "id":  # noqa: S105 - which token it is
        groups = given["claims"].get("cognito:groups") or []
        given["claims"] |= _roles(_cognito._get_pool_unscoped(given["pool_id"]) or {}, groups)
    return original(**given)


def _roles(pool: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    groups = [pool["_groups"][name] for name in names if name in pool.get("_groups", {})]
    having = [group for group in groups if group.get("RoleArn")]
    if not having:
        return {}
    first = min(int(group["Precedence"]) for group in having)
    preferred = {group["RoleArn"] for group in having if int(group["Precedence"]) == first}
    claims: dict[str, Any] = {"cognito:roles": [group["RoleArn"] for group in having]}
    # None is preferred where groups of the same precedence have different roles.
    return claims | ({"cognito:preferred_role": preferred.pop()} if len(preferred) == 1 else {})
