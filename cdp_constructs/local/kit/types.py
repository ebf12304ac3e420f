"""The vocabulary of the extensions: how far a resource type is supported, and its handlers."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

__all__ = ["Attributes", "Create", "Delete", "Properties", "ResourceType", "Support", "Update"]

Properties: TypeAlias = dict[str, Any]
Attributes: TypeAlias = dict[str, Any]
"""What Fn::GetAtt can ask for, by attribute name."""
Create: TypeAlias = Callable[[str, Properties, str], tuple[str, Attributes]]
"""(logical id, properties, stack name) -> (physical id, attributes)."""
Update: TypeAlias = Callable[[str, Properties, Properties, str], tuple[str, Attributes]]
"""(physical id, old properties, new properties, stack name) -> (physical id, attributes)."""
Delete: TypeAlias = Callable[[str, Properties], None]
"""(physical id, properties); deleting what is already gone succeeds."""


class Support(StrEnum):
    """How far the embedded cloud carries a resource type."""

    EXECUTED = "executed"
    """It does what it does on AWS, as far as the conformance suite states."""
    CONTROL_PLANE_ONLY = "control plane only"
    """Its API answers and keeps state, but nothing runs behind it."""
    RECORD_ONLY = "record only"
    """Its properties are kept and its references resolve; no API, no behaviour."""


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """A CloudFormation resource type that the extensions supply or label.

    Attributes:
        name: The type as templates write it, for example `AWS::Route53::HealthCheck` or `Custom::AWS`.
        support: How far it is carried.
        reason: What is missing, in words for the user; empty only when the type is executed.
        create: Handler of a creation; None when MiniStack provides the type and it is only labelled here.
        update: Handler of an update in place; None lets MiniStack call `create` again.
        delete: Handler of a deletion; required with `create`.
        blocking: The handler waits for an answer of the embedded cloud itself, so it runs on a worker thread.
    """

    name: str
    support: Support = Support.EXECUTED
    reason: str = ""
    create: Create | None = None
    update: Update | None = None
    delete: Delete | None = None
    blocking: bool = False

    def __post_init__(self) -> None:
        if self.support is not Support.EXECUTED and not self.reason:
            raise ValueError(f"{self.name} is labelled {self.support!r} without a reason; say what is missing")
        if (self.create is None) != (self.delete is None):
            raise ValueError(f"{self.name} needs both create and delete, or neither")
