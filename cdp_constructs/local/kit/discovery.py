"""Finds the modules that extend MiniStack, and what they declare.

A module of the packages `kit`, `coverage`, `runners`, `services`, `drills` and `service_metrics` declares at its top
level:

- `RESOURCE_TYPES`, a tuple of `ResourceType`: types that the embedded cloud adds to CloudFormation;
- changes of MiniStack: functions with `@patch`, `@patch_each`, `@replace`, `@before`, `@after`, `@after_deletion`,
  `@route`, `@resource_of` and `@gauge`;
- stand-ins for MiniStack's modules, with the private names that the module uses.

Importing them does not import MiniStack.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import Change

__all__ = ["changes", "modules", "needs"]

_ROOT = "cdp_constructs.local"
_PACKAGES = ("kit", "coverage", "runners", "services", "drills", "service_metrics")
"""In the order in which their changes are applied: drills change what the services do, and the result is counted."""
_APART = {f"{_ROOT}.coverage.catalogue"}
"""It collects what the others declare."""


def modules() -> Iterator[ModuleType]:
    """Import and yield the modules, package by package and by name in each."""
    for name in _PACKAGES:
        package = importlib.import_module(f"{_ROOT}.{name}")
        found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        for module in sorted(info.name for info in found if not info.ispkg):
            if module not in _APART:
                yield importlib.import_module(module)


def changes(module: ModuleType) -> list[Change]:
    """Return the changes that a module declares, in their order."""
    return [value for value in vars(module).values() if isinstance(value, Change)]


def needs(module: ModuleType) -> set[str]:
    """Return the names of MiniStack that a module requires, as `"ministack.module:attribute"`."""
    used = {name for value in vars(module).values() for name in ministack.needs(value)}
    return used | {name for change in changes(module) for name in change.needs}
