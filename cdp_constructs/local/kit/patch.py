"""Replaces functions and values of MiniStack, and restores them.

```python
@patch("ministack.services.sqs:_receive_messages_for_esm")
def _receive(original: Callable[..., Any], queue_url: str, most: int) -> Any: ...
```

A change is declared at the top level of a module. Importing the module changes nothing, and does not import MiniStack;
the server applies all changes when it starts (`process/extensions.py`). It requires the names that they replace.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["Change", "Group", "Patch", "calling", "patch", "patch_each", "replace", "replace_attributes"]


class Change(ABC):
    """A change of MiniStack that can be undone.

    Attributes:
        needs: Names of MiniStack without which it cannot be applied, as `"ministack.module:attribute"`.
    """

    needs: Sequence[str] = ()

    @abstractmethod
    def apply(self) -> None:
        """Change MiniStack."""

    @abstractmethod
    def undo(self) -> None:
        """Restore the original. Changes of the same name are undone in the reverse order of their application."""


class Patch(Change):
    """Replaces one function or value.

    Args:
        target: What is replaced: `"ministack.module:function"`, `"ministack.module:Class.method"` or, in a mapping,
            `"ministack.module:mapping[key]"`.
        make: Gets the original and returns what takes its place.
        optional: Nothing is replaced when the target is not there, or is None.
    """

    def __init__(self, target: str, make: Callable[[Any], Any], *, optional: bool = False) -> None:
        self.target = target
        self.needs = () if optional else (target,)
        self._make = make
        self._optional = optional
        self._place: ministack.Place | None = None
        self._original: Any = None

    @property
    def original(self) -> Any:
        """What was replaced, for callers outside of the replacement."""
        if self._place is None:
            raise RuntimeError(f"{self.target} is not replaced; the patch was not applied")
        return self._original

    def apply(self) -> None:
        """Replace the target."""
        if self._place is not None:
            raise RuntimeError(f"{self.target} is replaced already")
        place = ministack.Place.find(self.target)
        if self._optional and place.get(None) is None:
            return
        self._original = place.get()
        place.set(self._make(self._original))
        self._place = place

    def undo(self) -> None:
        """Restore the original."""
        if self._place is not None:
            self._place.set(self._original)
            self._place = self._original = None


class Group(Change):
    """Several changes that belong together."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self.needs = tuple(name for change in changes for name in change.needs)
        self._changes = changes

    def apply(self) -> None:
        """Apply them in their order."""
        for change in self._changes:
            change.apply()

    def undo(self) -> None:
        """Undo them in reverse."""
        for change in reversed(self._changes):
            change.undo()


def calling(function: Callable[..., Any]) -> Callable[[Any], Callable[..., Any]]:
    """Return what makes a replacement that calls `function` with the original before the caller's arguments."""

    def make(original: Any) -> Callable[..., Any]:
        # A function and not a partial, so that one that replaces a method gets the instance.
        @functools.wraps(function)
        def replacement(*arguments: Any, **options: Any) -> Any:
            return function(original, *arguments, **options)

        return replacement

    return make


def patch(target: str) -> Callable[[Callable[..., Any]], Patch]:
    """Call the decorated function instead of the target; its first argument is the original.

    Args:
        target: A function, a coroutine function, or a method (whose instance then is the second argument).
    """
    return lambda function: Patch(target, calling(function))


def patch_each(*targets: str) -> Callable[[Callable[..., Any]], Group]:
    """Call the decorated function instead of each of the targets, with the original of that one.

    Args:
        targets: For example a function under the names by which several modules have imported it.
    """
    return lambda function: Group([Patch(target, calling(function)) for target in targets])


def replace(target: str) -> Callable[[Callable[[Any], Any]], Patch]:
    """Replace the target, a function or any value, by what the decorated function makes of the original."""
    return lambda make: Patch(target, make)


def replace_attributes(target: str) -> Callable[[Callable[[Any], dict[str, Any]]], Patch]:
    """Replace some attributes of a module as one of MiniStack's modules sees it; everybody else sees the original.

    Args:
        target: The name by which it has imported the module, for example `"ministack.services.glue:os"`. The decorated
            function gets the module and returns the attributes.
    """

    def decorate(attributes: Callable[[Any], dict[str, Any]]) -> Patch:
        return Patch(target, lambda original: SimpleNamespace(**vars(original) | attributes(original)))

    return decorate
