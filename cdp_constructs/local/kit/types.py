"""A resource type of CloudFormation, and the handlers that make it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Attributes", "Create", "Delete", "Properties", "ResourceType", "Update"]

Properties: TypeAlias = dict[str, Any]
Attributes: TypeAlias = dict[str, Any]
"""What Fn::GetAtt can ask for, by attribute name."""
Create: TypeAlias = Callable[[str, Properties, str], tuple[str, Attributes]]
"""(logical id, properties, stack name) -> (physical id, attributes)."""
Update: TypeAlias = Callable[[str, Properties, Properties, str], tuple[str, Attributes]]
"""(physical id, old properties, new properties, stack name) -> (physical id, attributes)."""
Delete: TypeAlias = Callable[[str, Properties], None]
"""(physical id, properties); deleting what does not exist succeeds."""


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """A CloudFormation resource type that the embedded cloud adds to MiniStack.

    Attributes:
        name: The type as templates write it, for example `AWS::Route53::HealthCheck`.
        create: Handler of a creation; None when MiniStack has the handlers and only `blocking` is stated here.
        update: Handler of an update in place; None lets MiniStack call `create` again.
        delete: Handler of a deletion; required with `create`.
        blocking: The handlers wait for an answer of the embedded cloud itself, so they run on a worker thread.
    """

    name: str
    create: Create | None = None
    update: Update | None = None
    delete: Delete | None = None
    blocking: bool = False

    def __post_init__(self) -> None:
        if (self.create is None) != (self.delete is None):
            raise ValueError(f"{self.name} needs both create and delete, or neither")
