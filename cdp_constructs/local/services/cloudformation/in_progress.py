"""CloudFormation: a stack that an operation is in progress on takes no other one.

MiniStack refuses `UpdateStack` only: it makes a change set for such a stack, executes it beside what is in progress,
and begins a deletion during an update.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html#status-transition
"""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch_each

_handlers: Any = ministack.module("services.cloudformation.handlers", "_error", "_p", "_resolve_stack")
_MODULE = "ministack.services.cloudformation.handlers:_ACTION_HANDLERS"
_IN_REVIEW = "REVIEW_IN_PROGRESS"
"""A stack that has had nothing but change sets."""
_NOT_DELETABLE = ("UPDATE_", "IMPORT_")


def _in_progress(parameters: Any) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = _handlers._resolve_stack(_handlers._p(parameters, "StackName"))
    status = (found or {}).get("StackStatus", "")
    return found if status.endswith("_IN_PROGRESS") and status != _IN_REVIEW else None


@patch_each(f"{_MODULE}[UpdateStack]", f"{_MODULE}[CreateChangeSet]", f"{_MODULE}[ExecuteChangeSet]")
def _change(original: Callable[[Any], Any], parameters: Any) -> Any:
    if stack := _in_progress(parameters):
        reason = f"Stack:{stack['StackId']} is in {stack['StackStatus']} state and can not be updated."
        return _handlers._error("ValidationError", reason)
    return original(parameters)


@patch_each(f"{_MODULE}[DeleteStack]")
def _delete(original: Callable[[Any], Any], parameters: Any) -> Any:
    stack = _in_progress(parameters)
    if stack and stack["StackStatus"].startswith(_NOT_DELETABLE):
        reason = f"Stack [{stack['StackName']}] cannot be deleted while in status {stack['StackStatus']}"
        return _handlers._error("ValidationError", reason)
    return original(parameters)
