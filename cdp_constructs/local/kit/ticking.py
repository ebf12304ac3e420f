"""What a service does by itself, again and again, on the server's event loop.

```python
ticking = Ticking("sns-retries", every=0.5, action=_retry, needed=lambda: bool(_waiting), ended=_waiting.clear)
```
"""

import threading
from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import Change

__all__ = ["Ticking"]

_app: Any = ministack.module("app", "_MAIN_LOOP")


class Ticking(Change):
    """Does something every so many seconds, from when the server serves until it ends.

    Args:
        name: Name of the thread that counts the time.
        every: Seconds between two times.
        action: What is done, on the event loop.
        needed: Whether there is something to do; asked on the thread.
        ended: Forgets what is left, at the end.
    """

    def __init__(
        self,
        name: str,
        *,
        every: float,
        action: Callable[[], None],
        needed: Callable[[], bool] = lambda: True,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._name, self._every = name, every
        self._action, self._needed, self._ended = action, needed, ended
        self._stop = threading.Event()

    def apply(self) -> None:
        """Start."""
        self._stop = threading.Event()
        threading.Thread(target=self._run, args=(self._stop,), name=self._name, daemon=True).start()

    def undo(self) -> None:
        """Stop."""
        self._stop.set()
        self._ended()

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self._every):
            loop = _app._MAIN_LOOP
            if loop is not None and self._needed():
                loop.call_soon_threadsafe(self._action)
