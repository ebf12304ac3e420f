"""Where a construct is, asked once: every question is a call to Node, and the answer never changes."""

from functools import cache

from aws_cdk import Stack
from constructs import Construct

__all__ = ["path_of", "region_of", "stack_of"]

# jsii hands out one Python object per construct and keeps it for as long as the process runs: it can be a key.


@cache
def path_of(construct: Construct) -> str:
    """Return the path of a construct below an app: ``construct.node.path`` would be two questions to Node.

    Not for ``CfnResource``, which adds its type to what it is written as.
    """
    return construct.to_string()


@cache
def stack_of(construct: Construct) -> Stack:
    """Return the stack that a construct is in."""
    return Stack.of(construct)


@cache
def region_of(stack: Stack) -> str:
    """Return the Region of a stack, a token when it is not known at synthesis."""
    return stack.region
