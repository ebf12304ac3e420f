"""Where a construct is, asked once: every question is a call to Node."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from constructs import Construct

__all__ = ["path_of"]


def path_of(construct: "Construct") -> str:
    """Return the path of a construct below an app: ``construct.node.path`` would be two questions to Node.

    Not for ``CfnResource``, which adds its type to what it is written as.
    """
    return construct.to_string()
