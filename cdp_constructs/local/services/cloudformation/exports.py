"""CloudFormation: an export that another stack imports is neither changed nor removed, and no two stacks have one."""

from collections.abc import Callable, Iterator
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_cloudformation: Any = ministack.module("services.cloudformation", "_stacks")
_handlers: Any = ministack.module("services.cloudformation.handlers", "_imported_export_names")


@patch("ministack.services.cloudformation.stacks:_resolve_stack_outputs")
def _resolve(original: Callable[..., Any], *arguments: Any) -> Any:
    outputs, exports = original(*arguments)
    stack_name = arguments[5]
    for name in exports:
        if other := _exporter(name, stack_name):
            raise ValueError(f"Export with name {name} is already exported by stack {other}.")
    before = (_cloudformation._stacks.get(stack_name) or {}).get("Outputs") or ()
    for output in before:
        name = output.get("ExportName")
        after = exports.get(name, {}).get("Value")
        if not name or after == output["OutputValue"]:
            continue
        if user := next(_users(name, stack_name), None):
            verb = "delete" if after is None else "update"
            raise ValueError(f"Cannot {verb} export {name} as it is in use by {user}.")
    return outputs, exports


def _exporter(export: str, but: str) -> str | None:
    for name, stack in _cloudformation._stacks.items():
        gone = stack.get("StackStatus") in {"DELETE_COMPLETE", "ROLLBACK_COMPLETE"}
        if name != but and not gone and any(each.get("ExportName") == export for each in stack.get("Outputs") or ()):
            return str(name)
    return None


def _users(export: str, exporter: str) -> Iterator[str]:
    for name, stack in _cloudformation._stacks.items():
        status = stack.get("StackStatus", "")
        if name == exporter or not status.endswith("_COMPLETE") or "DELETE" in status:
            continue
        if export in _handlers._imported_export_names(stack, name):
            yield name
