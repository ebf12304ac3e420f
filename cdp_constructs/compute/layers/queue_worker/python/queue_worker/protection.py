"""Protection of the task from scale-in and deployments while a long job runs.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
"""

import json
import logging
import os
import time
import urllib.request
from collections.abc import Callable

__all__ = ["Protection"]

_MINUTES = 60
_SECONDS = 5.0
_logger = logging.getLogger("queue_worker")


def _put(enabled: bool) -> None:
    content: dict[str, object] = {"ProtectionEnabled": enabled}
    if enabled:
        content["ExpiresInMinutes"] = _MINUTES
    request = urllib.request.Request(  # noqa: S310 - the agent's own address
        f"{os.environ['ECS_AGENT_URI']}/task-protection/v1/state",
        data=json.dumps(content).encode(),
        headers={"Content-Type": "application/json"},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310
        pass


class Protection:
    """Tells Amazon ECS when the task must not be stopped; outside of ECS nothing happens.

    Args:
        put: Sets the protection.
        clock: Seconds.
    """

    def __init__(self, put: Callable[[bool], None] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._put = put or (_put if "ECS_AGENT_URI" in os.environ else None)
        self._clock = clock
        self._until: float | None = None

    def set(self, needed: bool) -> None:
        """Protect the task, renew the protection when half of it has passed, or end it."""
        if self._put is None or (not needed and self._until is None):
            return
        if needed and self._until is not None and self._until - self._clock() > _MINUTES * 60 / 2:
            return
        try:
            self._put(needed)
        except OSError:
            # Without it a stopped task still has its stop timeout to finish or return the job.
            _logger.warning("the protection of the task could not be changed", exc_info=True)
            return
        self._until = self._clock() + _MINUTES * 60 if needed else None
