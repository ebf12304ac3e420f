"""Extends the handlers of resource types that MiniStack's CloudFormation has."""

from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit.patch import Change, Group, Patch, calling
from cdp_constructs.local.kit.types import Attributes, Properties

__all__ = ["after", "after_deletion", "before", "handler"]


def handler(type_name: str, verb: str) -> str:
    """Return the target of a patch that replaces MiniStack's handler of a type.

    Args:
        type_name: A resource type that MiniStack provides.
        verb: `create`, `update` or `delete`.
    """
    return f"ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS[{type_name}][{verb}]"


def _patches(type_name: str, create: Callable[..., Any], update: Callable[..., Any]) -> Change:
    # A type without an update is created again by MiniStack, and so is refined by its creation.
    return Group(
        [
            Patch(handler(type_name, "create"), calling(create)),
            Patch(handler(type_name, "update"), calling(update), optional=True),
        ]
    )


def before(type_name: str) -> Callable[[Callable[[Properties], None]], Change]:
    """Call the decorated function before a resource is created or updated; what it raises is why the resource failed.

    The function gets the properties.

    Args:
        type_name: A resource type that MiniStack provides.
    """

    def decorate(check: Callable[[Properties], None]) -> Change:
        def create(original: Callable[..., Any], logical_id: str, properties: Properties, stack_name: str) -> Any:
            check(properties)
            return original(logical_id, properties, stack_name)

        def update(
            original: Callable[..., Any], physical_id: str, old: Properties, new: Properties, *names: str
        ) -> Any:
            check(new)
            return original(physical_id, old, new, *names)

        return _patches(type_name, create, update)

    return decorate


def after(type_name: str) -> Callable[[Callable[[str, Properties, Attributes], None]], Change]:
    """Call the decorated function after a resource was created or updated.

    The function gets the physical id, the properties and the attributes, which it may add to in place.

    Args:
        type_name: A resource type that MiniStack provides.
    """

    def decorate(provisioned: Callable[[str, Properties, Attributes], None]) -> Change:
        def refined(answer: tuple[str, Attributes], properties: Properties) -> tuple[str, Attributes]:
            physical_id, attributes = answer[0], dict(answer[1])
            provisioned(physical_id, properties, attributes)
            return physical_id, attributes

        def create(original: Callable[..., Any], logical_id: str, properties: Properties, stack_name: str) -> Any:
            return refined(original(logical_id, properties, stack_name), properties)

        def update(
            original: Callable[..., Any], physical_id: str, old: Properties, new: Properties, *names: str
        ) -> Any:
            return refined(original(physical_id, old, new, *names), new)

        return _patches(type_name, create, update)

    return decorate


def after_deletion(type_name: str) -> Callable[[Callable[[str, Properties], None]], Change]:
    """Call the decorated function, with the physical id and the properties, after a resource was deleted.

    Args:
        type_name: A resource type that MiniStack provides.
    """

    def decorate(deleted: Callable[[str, Properties], None]) -> Change:
        def delete(original: Callable[..., Any], physical_id: str, properties: Properties, *names: str) -> None:
            original(physical_id, properties, *names)
            deleted(physical_id, properties)

        return Patch(handler(type_name, "delete"), calling(delete))

    return decorate
