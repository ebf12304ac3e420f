"""Values that this library keeps with a construct of yours: in the construct tree, so that they go with the app."""

from typing import Any

from constructs import Construct, IConstruct

from cdp_constructs.core.paths import node_of

__all__ = ["keep", "kept"]


class _Kept(Construct):
    """A child without resources, which no template and no logical id shows."""

    def __init__(self, scope: IConstruct, construct_id: str, value: object) -> None:
        super().__init__(scope, construct_id)  # type: ignore[arg-type]  # every construct can be a scope
        self.value = value


def keep(construct: IConstruct, name: str, value: object) -> None:
    """Keep a value with a construct; each name can be kept once.

    Args:
        construct: Such as a stack, or a bucket that was given to a pattern.
        name: Id of the child that holds the value, unlike every other child's.
        value: Any Python object.
    """
    _Kept(construct, name, value)


def kept(construct: IConstruct, name: str) -> Any:
    """Return what was kept with a construct under a name, or None."""
    child = node_of(construct).try_find_child(name)
    # jsii gives out the Python object that was made here, for as long as the process runs.
    return child.value if isinstance(child, _Kept) else None
