"""Access to MiniStack's modules, loaded at first use.

Extensions are also imported by processes that do not run MiniStack, and MiniStack's modules read their settings from
the environment when they are imported. So an extension names the module that it needs with `module`, and the import
happens at first use.
"""

import importlib
import re
from typing import Any

__all__ = ["Place", "module", "needs"]

_STEP = re.compile(r"([^.\[\]]+)|\[([^\]]+)]")
_REQUIRED: Any = object()


class _LazyModule:
    """Stands for a module of MiniStack; getting or setting an attribute imports it."""

    def __init__(self, name: str, names: tuple[str, ...]) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_needs", names)
        object.__setattr__(self, "_loaded", None)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._load(), attribute)

    def __setattr__(self, attribute: str, value: object) -> None:
        setattr(self._load(), attribute, value)

    def _load(self) -> Any:
        # Kept, because every request asks for dozens of attributes.
        loaded = object.__getattribute__(self, "_loaded")
        if loaded is None:
            loaded = importlib.import_module(object.__getattribute__(self, "_name"))
            object.__setattr__(self, "_loaded", loaded)
        return loaded


def module(name: str, *names: str) -> Any:
    """Return a stand-in for a module of MiniStack that is imported at first use.

    Args:
        name: The module, without `ministack.`.
        names: What is used of it that is private, or that another version of MiniStack could lack. The server does not
            start without these names.
    """
    return _LazyModule(f"ministack.{name}", names)


def needs(stand_in: object) -> tuple[str, ...]:
    """Return the names that a stand-in was given, as `"ministack.module:attribute"`; none for anything else."""
    if not isinstance(stand_in, _LazyModule):
        return ()
    name, names = object.__getattribute__(stand_in, "_name"), object.__getattribute__(stand_in, "_needs")
    return tuple(f"{name}:{each}" for each in names)


class Place:
    """Where a name of MiniStack is kept: an attribute of a module or class, or an item of a mapping."""

    def __init__(self, owner: Any, key: str, *, is_item: bool) -> None:
        self._owner, self._key, self._is_item = owner, key, is_item

    @classmethod
    def find(cls, name: str) -> "Place":
        """Return the place of `"package.module:attribute.path"`; a step in brackets is an item of a mapping.

        Raises:
            AttributeError, KeyError: a step before the last one does not exist.
            ImportError: the module does not exist.
        """
        module_name, _, path = name.partition(":")
        place: Place | None = None
        for attribute, item in _STEP.findall(path):
            owner = importlib.import_module(module_name) if place is None else place.get()
            place = cls(owner, attribute or item, is_item=bool(item))
        if place is None:
            raise ValueError(f"{name!r} names a module; add a colon and an attribute")
        return place

    def get(self, default: Any = _REQUIRED) -> Any:
        """Return the value.

        Raises:
            AttributeError, KeyError: there is no value and no default.
        """
        if default is not _REQUIRED:
            return self._owner.get(self._key, default) if self._is_item else getattr(self._owner, self._key, default)
        return self._owner[self._key] if self._is_item else getattr(self._owner, self._key)

    def set(self, value: object) -> None:
        """Set the value."""
        if self._is_item:
            self._owner[self._key] = value
        else:
            setattr(self._owner, self._key, value)
