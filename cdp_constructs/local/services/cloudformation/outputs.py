"""CloudFormation: a stack reads an output of a stack in another Region (`Fn::GetStackOutput` with `Region`).

MiniStack looks for the producing stack in the consumer's own Region only.
"""

from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["PRIVATE_NAMES", "install"]

PRIVATE_NAMES = (
    "ministack.core.responses:get_account_id",
    "ministack.core.responses:request_scope",
    "ministack.services.cloudformation.changesets:_resolve_refs",
    "ministack.services.cloudformation.engine:_resolve_refs",
    "ministack.services.cloudformation.handlers:_resolve_refs",
    "ministack.services.cloudformation.stacks:_resolve_refs",
)

_responses: Any = ministack.module("core.responses")
# Each of them imported the function by name.
_RESOLVERS = [
    ministack.module(f"services.cloudformation.{name}") for name in ("engine", "changesets", "handlers", "stacks")
]


def install() -> None:
    """Look for the producing stack in the Region that the reference names."""
    resolve_refs = _RESOLVERS[0]._resolve_refs

    def resolve(value: Any, *context: Any) -> Any:
        reference = value.get("Fn::GetStackOutput") if isinstance(value, dict) else None
        if not isinstance(reference, dict) or "Region" not in reference:
            return resolve_refs(value, *context)
        region = str(resolve_refs(reference["Region"], *context))
        with _responses.request_scope(_responses.get_account_id(), region):
            return resolve_refs(value, *context)

    for module in _RESOLVERS:
        module._resolve_refs = resolve
