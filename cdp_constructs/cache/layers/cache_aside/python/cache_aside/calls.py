"""One load at a time for a key, inside a process."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

__all__ = ["SingleCalls"]

_Result = TypeVar("_Result")


class SingleCalls:
    """Lets those who ask for the same key while it is loaded wait for the one load."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, Future[Any]] = {}

    def run(self, key: str, call: Callable[[], _Result]) -> _Result:
        """Return what the call returns, or raise what it raises; of several at once one runs."""
        with self._lock:
            future = self._running.get(key)
            first = future is None
            if future is None:
                future = self._running[key] = Future()
        if not first:
            result: _Result = future.result()
            return result
        try:
            value = call()
        except BaseException as error:
            self._end(key)
            future.set_exception(error)
            raise
        self._end(key)
        future.set_result(value)
        return value

    def _end(self, key: str) -> None:
        with self._lock:
            del self._running[key]
