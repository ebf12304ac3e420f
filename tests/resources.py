"""Resources of a synthesised pattern, as tests ask for them."""

from typing import Any

__all__ = ["only", "only_properties", "statements"]


def only(built: Any, kind: str) -> dict[str, Any]:
    """Return the resource of a type of which there is one."""
    ((_, resource),) = built.resources(kind).items()
    found: dict[str, Any] = resource
    return found


def only_properties(built: Any, kind: str) -> dict[str, Any]:
    """Return the properties of the resource of a type of which there is one."""
    found: dict[str, Any] = only(built, kind)["Properties"]
    return found


def statements(built: Any, role: str) -> list[dict[str, Any]]:
    """Return what the policies of roles whose logical ids begin like this allow."""
    return [
        statement
        for policy in built.resources("AWS::IAM::Policy").values()
        if any(attached["Ref"].startswith(role) for attached in policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
