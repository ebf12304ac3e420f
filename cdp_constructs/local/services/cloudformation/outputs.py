"""CloudFormation: a stack reads an output of a stack in another Region (`Fn::GetStackOutput` with `Region`).

MiniStack looks for the producing stack in the Region of the consuming stack only.
"""

from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import Group, Patch, calling

_responses: Any = ministack.module("core.responses", "get_account_id", "request_scope")


def _resolve(original: Callable[..., Any], value: Any, *context: Any) -> Any:
    reference = value.get("Fn::GetStackOutput") if isinstance(value, dict) else None
    if not isinstance(reference, dict) or "Region" not in reference:
        return original(value, *context)
    region = str(original(reference["Region"], *context))
    with _responses.request_scope(_responses.get_account_id(), region):
        return original(value, *context)


# The first module defines the function, the others imported it by name.
_in_other_regions = Group(
    [
        Patch(f"ministack.services.cloudformation.{name}:_resolve_refs", calling(_resolve))
        for name in ("engine", "changesets", "handlers", "stacks")
    ]
)
