"""Adds to MiniStack, in the process that serves, what the embedded cloud has beyond it."""

from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Any

from cdp_constructs.local.coverage.catalogue import CATALOGUE
from cdp_constructs.local.kit import discovery, ministack
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["PRIVATE_NAMES", "IncompatibleMiniStackError", "install"]

PRIVATE_NAMES = (
    "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS",
    "ministack.services.cloudformation.stacks:_runs_on_worker_thread",
)

_provisioners: Any = ministack.module("services.cloudformation.provisioners")
_stacks: Any = ministack.module("services.cloudformation.stacks")


class IncompatibleMiniStackError(RuntimeError):
    """The installed MiniStack lacks private names that the extensions rely on."""


def _require(private_names: Iterable[str]) -> None:
    missing = []
    for name in private_names:
        try:
            ministack.resolve(name)
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
    modules = list(discovery.modules())
    _require([*PRIVATE_NAMES, *(name for module in modules for name in getattr(module, "PRIVATE_NAMES", ()))])
    registry: dict[str, dict[str, Callable[..., Any]]] = _provisioners._RESOURCE_HANDLERS
    for resource_type in CATALOGUE.values():
        if resource_type.create is not None:
            registry[resource_type.name] = _handlers(resource_type)
    _let_through_worker_threads(frozenset(item.name for item in CATALOGUE.values() if item.blocking))
    for module in modules:
        if hasattr(module, "install"):
            module.install()
