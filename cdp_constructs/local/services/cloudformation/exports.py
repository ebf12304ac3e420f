"""CloudFormation: an export that another stack imports is neither changed nor removed by an update."""

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


def _users(export: str, exporter: str) -> Iterator[str]:
    for name, stack in _cloudformation._stacks.items():
        status = stack.get("StackStatus", "")
        if name == exporter or not status.endswith("_COMPLETE") or "DELETE" in status:
            continue
        if export in _handlers._imported_export_names(stack, name):
            yield name
