"""A resource of a deployed assembly, found by its logical id."""

from dataclasses import dataclass
from typing import Any

from cdp_constructs.local import Deployment, LocalCloud

__all__ = ["Place", "find", "of_type"]


@dataclass(frozen=True)
class Place:
    """A deployed resource, with clients of its Region."""

    cloud: LocalCloud
    deployment: Deployment
    region: str
    resource_type: str
    physical_id: str

    def client(self, service: str) -> Any:
        """Return a client of the Region of the resource."""
        return self.cloud.client(service, self.region)


def _all(cloud: LocalCloud, deployment: Deployment) -> list[tuple[str, Place]]:
    return [
        (item.logical_id, Place(cloud, deployment, stack.artifact.region, item.resource_type, item.physical_id))
        for stack in deployment.stacks
        for item in stack.resources
    ]


def find(cloud: LocalCloud, deployment: Deployment, logical_id: str) -> Place:
    """Return the resource with a logical id, in whichever stack it is.

    Raises:
        KeyError: no stack has it.
    """
    return dict(_all(cloud, deployment))[logical_id]


def of_type(place: Place, resource_type: str) -> list[Place]:
    """Return the resources of a type that were deployed with another one."""
    return [each for _, each in _all(place.cloud, place.deployment) if each.resource_type == resource_type]
