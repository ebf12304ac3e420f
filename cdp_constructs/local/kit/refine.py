"""Adds to the handlers that MiniStack's CloudFormation has already for a type."""

from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.types import Attributes, Properties

__all__ = ["PRIVATE_NAMES", "after", "before"]

PRIVATE_NAMES = ("ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS",)

_provisioners: Any = ministack.module("services.cloudformation.provisioners")


def after(
    type_name: str,
    provisioned: Callable[[str, Properties, Attributes], None],
    deleted: Callable[[str, Properties], None] | None = None,
) -> None:
    """Call `provisioned` after MiniStack has created or updated a resource, and `deleted` after it has deleted one.

    Args:
        type_name: A resource type that MiniStack provides.
        provisioned: Gets the physical id, the properties and the attributes, which it may add to in place.
        deleted: Gets the physical id and the properties.
    """
    handlers: dict[str, Any] = _provisioners._RESOURCE_HANDLERS[type_name]
    create, delete = handlers["create"], handlers["delete"]
    update: Any = handlers.get("update")

    def created(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Attributes]:
        physical_id, attributes = create(logical_id, properties, stack_name)
        attributes = dict(attributes)
        provisioned(physical_id, properties, attributes)
        return physical_id, attributes

    def updated(physical_id: str, old: Properties, new: Properties, *names: str) -> tuple[str, Attributes]:
        physical_id, attributes = update(physical_id, old, new, *names)
        attributes = dict(attributes)
        provisioned(physical_id, new, attributes)
        return physical_id, attributes

    def removed(physical_id: str, properties: Properties, *names: str) -> None:
        delete(physical_id, properties, *names)
        if deleted is not None:
            deleted(physical_id, properties)

    # Updated in place, because the entry also has flags and other verbs (import, snapshot).
    handlers["create"] = created
    handlers["delete"] = removed
    if update is not None:
        handlers["update"] = updated


def before(type_name: str, check: Callable[[Properties], None]) -> None:
    """Call `check` before MiniStack creates or updates a resource; what it raises is why the resource failed.

    Args:
        type_name: A resource type that MiniStack provides.
        check: Gets the properties.
    """
    handlers: dict[str, Any] = _provisioners._RESOURCE_HANDLERS[type_name]
    create, update = handlers["create"], handlers["update"]

    def created(logical_id: str, properties: Properties, stack_name: str) -> Any:
        check(properties)
        return create(logical_id, properties, stack_name)

    def updated(physical_id: str, old: Properties, new: Properties, *names: str) -> Any:
        check(new)
        return update(physical_id, old, new, *names)

    handlers["create"], handlers["update"] = created, updated
