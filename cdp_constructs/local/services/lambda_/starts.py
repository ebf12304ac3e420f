"""Lambda: what another service changes of a worker that is being started."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from cdp_constructs.local.services.lambda_.sandboxes import Sandbox

__all__ = ["Start", "changed", "changing"]


@dataclass(frozen=True)
class Start:
    """How a worker is started.

    Attributes:
        sandbox: In which sandbox, instead of the function's own.
        variables: Returns variables that it has beside those that it is called with.
    """

    sandbox: Sandbox
    variables: Callable[[Mapping[str, str]], Mapping[str, str]]


_changed: ContextVar[Start | None] = ContextVar("_changed", default=None)


def changed() -> Start | None:
    """Return how the worker is started that is being started now; None as others are."""
    return _changed.get()


@contextmanager
def changing(start: Start) -> Iterator[None]:
    """Start the workers of this context so."""
    token = _changed.set(start)
    try:
        yield
    finally:
        _changed.reset(token)
