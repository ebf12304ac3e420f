"""Where a construct is, asked once: every question is a call to Node, and the answer never changes."""

from aws_cdk import Stack
from constructs import Construct, IConstruct, Node

from cdp_constructs.core.once import once

__all__ = ["account_of", "node_of", "path_of", "region_of", "stack_of"]


@once
def node_of(construct: IConstruct) -> Node:
    """Return the place of a construct in its tree."""
    return construct.node


@once
def path_of(construct: Construct) -> str:
    """Return the path of a construct below an app: ``construct.node.path`` would be two questions to Node.

    Not for ``CfnResource``, which adds its type to what it is written as.
    """
    return construct.to_string()


@once
def stack_of(construct: IConstruct) -> Stack:
    """Return the stack that a construct is in."""
    return Stack.of(construct)


@once
def region_of(stack: Stack) -> str:
    """Return the Region of a stack, a token when it is not known at synthesis."""
    return stack.region


@once
def account_of(stack: Stack) -> str:
    """Return the account of a stack, a token when it is not known at synthesis."""
    return stack.account
