"""Both layers as one: each window is answered by exactly one of them, so nothing counts twice and nothing is left out.

- The batch layer has a *watermark*: everything that arrived before it has been delivered and can be queried.
- The speed layer notes with each window when its newest record arrived. As long as that is not before the watermark,
  the window may have records that the batch layer lacks, and the speed layer answers; a late record makes it so again.
- Every other window is answered by the batch layer, also one that the speed layer has only parts of or forgot.
- Of a speed layer without windows each is answered by the batch layer, and what is not loaded is missing.
"""

from datetime import datetime, timedelta
from typing import Self

from .batch import BatchView
from .speed import SpeedView
from .times import SKEW
from .windows import BatchReader, Window, WindowReader

__all__ = ["ServingView"]


class ServingView:
    """Both layers as one."""

    def __init__(self, speed: WindowReader | None, batch: BatchReader) -> None:
        """Merge the two views; the same records must be sent to both layers.

        Args:
            speed: None for a speed layer without windows.
            batch: What is stored.

        Raises:
            ValueError: windows of the two differ in length.
        """
        if speed is not None and speed.window_length != batch.window_length:
            lengths = f"{speed.window_length} and {batch.window_length}"
            raise ValueError(
                f"windows of the two views differ: {lengths}; give BatchView the window_length of the other"
            )
        self._speed = speed
        self._batch = batch

    @classmethod
    def connect(cls, *, late: timedelta = timedelta(days=2)) -> Self:
        """Use what ``SpeedLayer.share_with`` and ``BatchLayer.share_with`` named in the environment."""
        speed = SpeedView.connect()
        batch = BatchView.connect(late=late, window_length=speed.window_length)
        return cls(speed if speed.has_windows else None, batch)

    @property
    def window_length(self) -> timedelta:
        """How long a window is: as SpeedLayer says."""
        return self._batch.window_length

    @property
    def is_live(self) -> bool:
        """Whether windows that are not loaded yet are answered, by the windows of the speed layer."""
        return self._speed is not None

    def windows(self, thing: str, start: datetime, end: datetime) -> list[Window]:
        """Return the windows that begin from ``start`` on and before ``end``, by time, each from one layer.

        Args:
            thing: The thing.
            start: With a time zone.
            end: With a time zone.
        """
        if self._speed is None:
            return self._batch.windows(thing, start, end)
        # First, so that whatever is delivered meanwhile is still taken from the speed layer.
        watermark = self._batch.watermark()
        live = {window.start: window for window in self._speed.windows(thing, start, end)}
        if watermark is not None and start >= watermark + SKEW:
            # All of this arrived after the watermark, so the speed layer has the whole of it: no query.
            return list(live.values())
        merged = {window.start: window for window in self._batch.windows(thing, start, end)}
        for begin, window in live.items():
            is_ahead = watermark is None or window.arrived is None or window.arrived >= watermark
            if is_ahead or begin not in merged:
                merged[begin] = window
        return [merged[begin] for begin in sorted(merged)]
