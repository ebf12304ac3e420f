"""The Regions that a drill has isolated; services ask here whether they can be reached, and what is open is closed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["ISOLATED", "is_isolated", "isolate", "open_until_isolated"]

ISOLATED: set[str] = set()
_open: dict[str | None, set[Callable[[], object]]] = {}
"""By Region, what closes the connections that are open."""


def is_isolated(region: str | None) -> bool:
    """Whether no request from outside reaches a Region, those of global services such as CloudFront included."""
    return region in ISOLATED


def isolate(region: str) -> None:
    """Isolate a Region, and close what is open."""
    ISOLATED.add(region)
    for close in tuple(_open.get(region, ())):
        close()


@contextmanager
def open_until_isolated(region: str | None, close: Callable[[], object]) -> Iterator[None]:
    """Call a function, from any thread, if the Region is isolated inside the block."""
    closing = _open.setdefault(region, set())
    closing.add(close)
    try:
        yield
    finally:
        closing.discard(close)
