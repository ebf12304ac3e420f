"""Limits of processor time for calculations that would hold the server's event loop.

A regular expression can take years, and Python's engine lets no other thread run meanwhile; but it looks for signals,
and those are handled by the main thread. So a limited call runs there, also when a worker thread asks for it.
"""

import asyncio
import re
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

__all__ = ["MOST_SECONDS", "TimeLimitError", "limited", "matches", "to_thread"]

MOST_SECONDS = 0.2
"""Of the processor, for one pattern: AWS's engines take time in proportion to the text, Python's can take years."""

_Parameters = ParamSpec("_Parameters")
_Returned = TypeVar("_Returned")

_loop: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("_loop", default=None)
"""The event loop of the main thread, for worker threads."""


class TimeLimitError(Exception):
    """A calculation took more processor time than it may."""


async def to_thread(
    call: Callable[_Parameters, _Returned], *arguments: _Parameters.args, **options: _Parameters.kwargs
) -> _Returned:
    """Run a function in a worker thread, as `asyncio.to_thread` does, that may call `limited`."""
    token = _loop.set(asyncio.get_running_loop())
    try:
        return await asyncio.to_thread(call, *arguments, **options)
    finally:
        _loop.reset(token)


def limited(seconds: float, call: Callable[[], _Returned]) -> _Returned:
    """Return what a calculation returns.

    Args:
        seconds: Of the processor, so that a busy machine makes no difference.
        call: The calculation; it changes nothing, because it can be interrupted anywhere.

    Raises:
        TimeLimitError: it took longer.
    """
    loop = _loop.get()
    if threading.current_thread() is threading.main_thread() or loop is None:
        return _interruptible(seconds, call)
    future: Future[_Returned] = Future()

    def run() -> None:
        try:
            future.set_result(_interruptible(seconds, call))
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that asked
            future.set_exception(error)

    loop.call_soon_threadsafe(run)
    return future.result()


def matches(pattern: str, text: str) -> bool:
    """Tell whether a client's regular expression matches the whole of a text; it does not when it takes too long."""
    try:
        return limited(MOST_SECONDS, lambda: re.fullmatch(pattern, text)) is not None
    except TimeLimitError:
        return False


def _interruptible(seconds: float, call: Callable[[], _Returned]) -> _Returned:
    running = True

    def interrupt(_signal: int, _frame: Any) -> None:
        if running:
            raise TimeLimitError(f"more than {seconds:g} s of processor time")

    former = signal.signal(signal.SIGVTALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        return call()
    finally:
        running = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, former)
