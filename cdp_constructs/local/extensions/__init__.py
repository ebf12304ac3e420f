"""What the embedded cloud adds to MiniStack: resource types that its CloudFormation lacks, and mended behaviour.

One module per service. A module may have:

- `RESOURCE_TYPES`, a tuple of `ResourceType`;
- `install()`, which mends behaviour in the process that serves;
- `PRIVATE_NAMES`, every private name of MiniStack that the module relies on, as `"ministack.module:attribute"`.

`CATALOGUE` has every type by name. Reading it does not import MiniStack.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from types import MappingProxyType, ModuleType
from typing import Any

from cdp_constructs.local.extensions import _ministack
from cdp_constructs.local.extensions._types import (
    Attributes,
    Create,
    Delete,
    Properties,
    ResourceType,
    Support,
    Update,
)

__all__ = [
    "CATALOGUE",
    "Attributes",
    "Create",
    "Delete",
    "IncompatibleMiniStackError",
    "Properties",
    "ResourceType",
    "Support",
    "Update",
    "install",
]

PRIVATE_NAMES = (
    "ministack.app:_handle_post_body_shortcuts",
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS",
    "ministack.services.cloudformation.stacks:_runs_on_worker_thread",
)

_provisioners: Any = _ministack.module("services.cloudformation.provisioners")
_stacks: Any = _ministack.module("services.cloudformation.stacks")


class IncompatibleMiniStackError(RuntimeError):
    """The installed MiniStack lacks private names that the extensions rely on."""


def _modules() -> Iterable[ModuleType]:
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        if not info.name.startswith("_"):
            yield importlib.import_module(f"{__name__}.{info.name}")


def _catalogue() -> Mapping[str, ResourceType]:
    catalogue: dict[str, ResourceType] = {}
    for module in _modules():
        resource_type: ResourceType
        for resource_type in getattr(module, "RESOURCE_TYPES", ()):
            if resource_type.name in catalogue:
                raise ValueError(f"{resource_type.name} is declared twice, the second time in {module.__name__}")
            catalogue[resource_type.name] = resource_type
    return MappingProxyType(catalogue)


CATALOGUE: Mapping[str, ResourceType] = _catalogue()


def _require(private_names: Iterable[str]) -> None:
    missing = []
    for name in private_names:
        try:
            _ministack.resolve(name)
        except (AttributeError, ImportError):
            missing.append(name)
    if missing:
        raise IncompatibleMiniStackError(
            f"MiniStack {metadata.version('ministack')} does not have {', '.join(sorted(missing))}, which the embedded "
            "cloud relies on; install the version that the extra [local] pins"
        )


def _handlers(resource_type: ResourceType) -> dict[str, Callable[..., Any]]:
    handlers = {"create": resource_type.create, "update": resource_type.update, "delete": resource_type.delete}
    return {verb: handler for verb, handler in handlers.items() if handler is not None}


def _let_through_worker_threads(names: frozenset[str]) -> None:
    runs_on_worker_thread: Callable[[str], bool] = _stacks._runs_on_worker_thread
    _stacks._runs_on_worker_thread = lambda name: name in names or runs_on_worker_thread(name)


def install() -> None:
    """Add the types to MiniStack's CloudFormation and mend its services, in the process that will serve them.

    Call it once, before MiniStack serves.

    Raises:
        IncompatibleMiniStackError: the installed MiniStack is not the one that the extensions were written for.
    """
    modules = list(_modules())
    _require([*PRIVATE_NAMES, *(name for module in modules for name in getattr(module, "PRIVATE_NAMES", ()))])
    registry: dict[str, dict[str, Callable[..., Any]]] = _provisioners._RESOURCE_HANDLERS
    for resource_type in CATALOGUE.values():
        if resource_type.create is not None:
            registry[resource_type.name] = _handlers(resource_type)
    _let_through_worker_threads(frozenset(item.name for item in CATALOGUE.values() if item.blocking))
    for module in modules:
        if hasattr(module, "install"):
            module.install()
