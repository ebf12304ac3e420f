"""Selects stacks of a cloud assembly by name, with those that they depend on."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from cdp_constructs.assembly.errors import AssemblyError
from cdp_constructs.assembly.stacks import StackArtifact

__all__ = ["matching", "select"]


def select(stacks: Sequence[StackArtifact], patterns: Sequence[str] | None) -> tuple[StackArtifact, ...]:
    """Return the stacks that a pattern names, and those they depend on, in the order given.

    Args:
        stacks: Every stack of the assembly, in dependency order.
        patterns: Stack names, paths or artifact ids, `*` and `?` allowed as in `cdk deploy`; None selects all.

    Raises:
        AssemblyError: a pattern names no stack.
    """
    if patterns is None:
        return tuple(stacks)
    wanted = {stack.artifact_id for pattern in patterns for stack in matching(stacks, pattern)}
    for stack in reversed(stacks):
        if stack.artifact_id in wanted:
            wanted |= stack.dependencies
    return tuple(stack for stack in stacks if stack.artifact_id in wanted)


def matching(stacks: Sequence[StackArtifact], pattern: str) -> list[StackArtifact]:
    """Return the stacks that a pattern names, without those they depend on.

    Raises:
        AssemblyError: it names none.
    """
    found = [
        stack
        for stack in stacks
        if any(fnmatchcase(name, pattern) for name in (stack.name, stack.path, stack.artifact_id))
    ]
    if not found:
        known = ", ".join(stack.path for stack in stacks)
        raise AssemblyError(f"no stack of the assembly is called {pattern}; it has {known}")
    return found
