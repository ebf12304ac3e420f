"""Finds the modules that extend MiniStack.

Each module of the packages `kit`, `coverage`, `runners`, `services` and `drills` may have:

- `RESOURCE_TYPES`, a tuple of `ResourceType`;
- `install()`, which changes behaviour of MiniStack in the process that serves;
- `PRIVATE_NAMES`, every private name of MiniStack that the module relies on, as `"ministack.module:attribute"`.

Importing them does not import MiniStack.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

__all__ = ["modules"]

_ROOT = "cdp_constructs.local"
_PACKAGES = ("kit", "coverage", "runners", "services", "drills")
"""In the order of installation: a drill acts on what the services have become."""
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
