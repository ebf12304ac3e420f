"""CloudFormation: a stack reads an output of a stack in another Region (`Fn::GetStackOutput` with `Region`).

MiniStack looks for the producing stack in the Region of the consuming stack only.
"""

from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch_each

_responses: Any = ministack.module("core.responses", "get_account_id", "request_scope")


@patch_each(  # the first module defines the function, the others imported it by name
    "ministack.services.cloudformation.engine:_resolve_refs",
    "ministack.services.cloudformation.changesets:_resolve_refs",
    "ministack.services.cloudformation.handlers:_resolve_refs",
    "ministack.services.cloudformation.stacks:_resolve_refs",
)
def _resolve(original: Callable[..., Any], value: Any, *context: Any) -> Any:
    reference = value.get("Fn::GetStackOutput") if isinstance(value, dict) else None
    if not isinstance(reference, dict) or "Region" not in reference:
        return original(value, *context)
    region = str(original(reference["Region"], *context))
    with _responses.request_scope(_responses.get_account_id(), region):
        return original(value, *context)
