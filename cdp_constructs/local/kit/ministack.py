"""Access to MiniStack's modules, loaded at first use.

The labels of the extensions are read by processes that never run MiniStack (the deployer, the command line), and
MiniStack's modules read their settings from the environment when they are imported. So an extension names the module
it needs with `module`, and the import happens when the server uses it.
"""

import importlib
from typing import Any

__all__ = ["module", "resolve"]


class _LazyModule:
    """Stands for a module of MiniStack; getting or setting an attribute imports it."""

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(object.__getattribute__(self, "_name")), attribute)

    def __setattr__(self, attribute: str, value: object) -> None:
        setattr(importlib.import_module(object.__getattribute__(self, "_name")), attribute, value)


def module(name: str) -> Any:
    """Return a stand-in for the module `ministack.<name>` that is imported at first use."""
    return _LazyModule(f"ministack.{name}")


def resolve(private_name: str) -> object:
    """Return what `"package.module:attribute.path"` names.

    Raises:
        AttributeError: an attribute on the path does not exist.
        ImportError: the module does not exist.
    """
    module_name, _, path = private_name.partition(":")
    target: object = importlib.import_module(module_name)
    for attribute in path.split("."):
        target = getattr(target, attribute)
    return target
