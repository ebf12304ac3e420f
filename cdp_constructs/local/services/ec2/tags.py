"""Tags of EC2's resources."""

from collections.abc import Callable

from cdp_constructs.local.kit.types import Properties

__all__ = ["tagged"]


def tagged(kind: str) -> Callable[[Properties], Properties]:
    """Adapt properties to a request: EC2 takes tags where a resource is created, under the kind of resource."""

    def adapt(properties: Properties) -> Properties:
        tags = properties.get("Tags")
        return {**properties, "TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else properties

    return adapt
