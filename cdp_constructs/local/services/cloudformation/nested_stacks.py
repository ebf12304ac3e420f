"""Nested stacks: a resource that an update does not change keeps its attributes, for references from the same stack.

MiniStack passes them to the update of a resource in a top-level stack, but not in a nested one.
"""

from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.types import Attributes, Properties

_cloudformation: Any = ministack.module("services.cloudformation", "_stacks")


def _known(stack_name: str, logical_id: str) -> Attributes:
    stack = _cloudformation._stacks.get(stack_name) or {}
    known: Attributes = stack.get("_resources", {}).get(logical_id, {}).get("Attributes", {})
    return known


@patch("ministack.services.cloudformation.provisioners:_update_resource")
def _with_known_attributes(
    original: Callable[..., tuple[str, Attributes]],
    resource_type: str,
    physical_id: str,
    old: Properties,
    new: Properties,
    stack_name: str,
    logical_id: str,
    attributes: Attributes | None = None,
) -> tuple[str, Attributes]:
    known = _known(stack_name, logical_id) if attributes is None else attributes
    return original(resource_type, physical_id, old, new, stack_name, logical_id, known)
