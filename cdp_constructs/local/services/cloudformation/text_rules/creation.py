"""A resource with a text that AWS refuses fails, at its creation or update, with the place, the value and the rule."""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch_each
from cdp_constructs.local.kit.types import Attributes, Properties
from cdp_constructs.local.services.cloudformation.text_rules.rules import refusals

_cloudformation: Any = ministack.module("services.cloudformation", "_stacks")
_engine: Any = ministack.module("services.cloudformation.engine", "_intrinsic_references")

_WRITTEN = "_cdp_resources"
"""Where a stack's record has the template's resources while they are deployed: MiniStack's own is the old template."""
_OTHER_STACKS = {"Fn::ImportValue", "Fn::GetStackOutput"}


@patch_each(  # the first module defines the function, the others imported it by name
    "ministack.services.cloudformation.stacks:_deploy_stack_async",
    "ministack.services.cloudformation.changesets:_deploy_stack_async",
    "ministack.services.cloudformation.handlers:_deploy_stack_async",
)
async def _deploy(
    original: Callable[..., Any], stack_name: str, stack_id: str, template: dict[str, Any], *rest: Any, **options: Any
) -> None:
    stack = _cloudformation._stacks[stack_name]
    stack[_WRITTEN] = template.get("Resources", {})
    try:
        await original(stack_name, stack_id, template, *rest, **options)
    finally:
        stack.pop(_WRITTEN, None)


def _resources(stack_name: str) -> Mapping[str, Any]:
    stack = _cloudformation._stacks.get(stack_name) or {}
    found: Mapping[str, Any] = stack.get(_WRITTEN) or stack.get("_template", {}).get("Resources", {})
    return found


def _refuse(resource_type: str, logical_id: str | None, properties: Properties, stack_name: str) -> None:
    resources = _resources(stack_name)
    written = resources.get(logical_id or "", {}).get("Properties")
    if not isinstance(written, dict) or not isinstance(properties, dict):
        return
    found = refusals(resource_type, properties, written, lambda function: _is_known(function, resources))
    if found:
        message = "; ".join(map(str, found))
        raise ValueError(f"Properties validation failed for resource {logical_id} with message: {message}")


def _is_known(function: Any, resources: Mapping[str, Any]) -> bool:
    if any(name in resources for name, _ in _engine._intrinsic_references(function)):
        return False
    return not _names(function) & _OTHER_STACKS


def _names(function: Any) -> set[str]:
    parts = function.values() if isinstance(function, dict) else function if isinstance(function, list) else ()
    found = set(function) if isinstance(function, dict) else set()
    return found.union(*map(_names, parts))


@patch_each(
    "ministack.services.cloudformation.provisioners:_provision_resource",
    "ministack.services.cloudformation.stacks:_provision_resource",
)
def _provision(
    original: Callable[..., tuple[str, Attributes]],
    resource_type: str,
    logical_id: str,
    properties: Properties,
    stack_name: str,
) -> tuple[str, Attributes]:
    _refuse(resource_type, logical_id, properties, stack_name)
    return original(resource_type, logical_id, properties, stack_name)


@patch_each(
    "ministack.services.cloudformation.provisioners:_update_resource",
    "ministack.services.cloudformation.stacks:_update_resource",
)
def _update(
    original: Callable[..., tuple[str, Attributes]],
    resource_type: str,
    physical_id: str,
    old: Properties,
    new: Properties,
    stack_name: str,
    logical_id: str | None = None,
    *rest: Any,
) -> tuple[str, Attributes]:
    if old != new:
        _refuse(resource_type, logical_id, new, stack_name)
    return original(resource_type, physical_id, old, new, stack_name, logical_id, *rest)
