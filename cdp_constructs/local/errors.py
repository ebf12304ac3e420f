"""The errors of the embedded cloud."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["DeploymentError", "FailedEvent", "InstallError", "LocalCloudError", "StartError"]


class LocalCloudError(Exception):
    """The embedded cloud could not do what was asked; the message says why and how to fix it."""


class StartError(LocalCloudError):
    """The server did not start, or no embedded cloud answers at the endpoint."""


class InstallError(LocalCloudError):
    """The environment of the server could not be made."""


@dataclass(frozen=True)
class FailedEvent:
    """A stack event that reports a failure.

    Attributes:
        stack: Name of the stack.
        logical_id: Logical id of the resource.
        resource_type: CloudFormation type of the resource.
        reason: What CloudFormation answered.
    """

    stack: str
    logical_id: str
    resource_type: str
    reason: str


class DeploymentError(LocalCloudError):
    """A stack could not be deployed or deleted.

    Attributes:
        events: The failures as CloudFormation reported them, the first cause first; empty when nothing was created.
    """

    def __init__(self, message: str, events: Sequence[FailedEvent] = ()) -> None:
        self.events = tuple(events)
        lines = [f"  {event.stack}: {event.logical_id} ({event.resource_type}): {event.reason}" for event in events]
        super().__init__("\n".join([message, *lines]))
