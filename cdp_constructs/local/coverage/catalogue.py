"""Every resource type that the embedded cloud adds to MiniStack, by name. Reading it does not import MiniStack."""

from collections.abc import Mapping
from types import MappingProxyType

from cdp_constructs.local.kit import discovery
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["CATALOGUE"]


def _catalogue() -> Mapping[str, ResourceType]:
    catalogue: dict[str, ResourceType] = {}
    for module in discovery.modules():
        resource_type: ResourceType
        for resource_type in getattr(module, "RESOURCE_TYPES", ()):
            if resource_type.name in catalogue:
                raise ValueError(f"{resource_type.name} is declared twice, the second time in {module.__name__}")
            catalogue[resource_type.name] = resource_type
    return MappingProxyType(catalogue)


CATALOGUE: Mapping[str, ResourceType] = _catalogue()
