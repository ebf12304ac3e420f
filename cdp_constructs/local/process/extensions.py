"""Adds to MiniStack, in the process that serves, what the embedded cloud has beyond it."""

from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Any

from cdp_constructs.local.coverage.catalogue import CATALOGUE
from cdp_constructs.local.kit import discovery, ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["IncompatibleMiniStackError", "install"]

_provisioners: Any = ministack.module("services.cloudformation.provisioners", "_RESOURCE_HANDLERS")

_BLOCKING = frozenset(resource_type.name for resource_type in CATALOGUE.values() if resource_type.blocking)


class IncompatibleMiniStackError(RuntimeError):
    """The installed MiniStack lacks names that the extensions rely on."""


@patch("ministack.services.cloudformation.stacks:_runs_on_worker_thread")
def _on_worker_threads(original: Callable[[str], bool], type_name: str) -> bool:
    return type_name in _BLOCKING or original(type_name)


def _require(names: Iterable[str]) -> None:
    missing = []
    for name in names:
        try:
            ministack.Place.find(name).get()
        except (AttributeError, ImportError, KeyError):
            missing.append(name)
    if missing:
        raise IncompatibleMiniStackError(
            f"MiniStack {metadata.version('ministack')} does not have {', '.join(sorted(missing))}, which the embedded "
            "cloud relies on; install the version that the extra [local] pins"
        )


def _handlers(resource_type: ResourceType) -> dict[str, Callable[..., Any]]:
    handlers = {"create": resource_type.create, "update": resource_type.update, "delete": resource_type.delete}
    return {verb: handler for verb, handler in handlers.items() if handler is not None}


def install() -> None:
    """Add the types to MiniStack's CloudFormation and change its services, in the process that will serve them.

    Call it once, before MiniStack serves.

    Raises:
        IncompatibleMiniStackError: the installed MiniStack is not the one that the extensions were written for.
    """
    modules = list(discovery.modules())
    needed = {name for module in modules for name in discovery.needs(module)}
    _require(needed | set(ministack.needs(_provisioners)) | set(_on_worker_threads.needs))
    registry: dict[str, dict[str, Callable[..., Any]]] = _provisioners._RESOURCE_HANDLERS
    for resource_type in CATALOGUE.values():
        if resource_type.create is not None:
            registry[resource_type.name] = _handlers(resource_type)
    for change in [_on_worker_threads, *(change for module in modules for change in discovery.changes(module))]:
        change.apply()
