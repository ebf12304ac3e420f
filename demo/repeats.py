"""Requests of which some are delivered twice at once, and what their senders get: for functions that work once."""

import json
import random
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

__all__ = ["Repeats", "deliver_some_twice"]

_IN_PROGRESS = "IdempotencyAlreadyInProgressError"
_TRIES = 12


@dataclass(frozen=True)
class Repeats:
    """What came of the deliveries."""

    answers: Sequence[Sequence[Any]]
    """What each request got, by its place: two answers where it was delivered twice."""
    met: int
    """Deliveries that found their request in progress, and came again."""

    @property
    def deliveries(self) -> int:
        """How many deliveries there were, without those that came again."""
        return sum(len(one) for one in self.answers)

    @property
    def are_equal(self) -> bool:
        """Whether both deliveries of each request got the same answer."""
        return all(one == answers[0] for answers in self.answers for one in answers)


def deliver_some_twice(
    functions: Any, name: str, requests: Sequence[Mapping[str, Any]], *, every: int = 5, at_once: int = 16
) -> Repeats:
    """Invoke a function with each request, and with some of them twice at once.

    Who finds its request in progress backs off and sends it again, as a client does.

    Args:
        functions: A client of Lambda, whose own retries are for 429.
        name: Name of the function.
        requests: The events, each with an id of its own.
        every: Which ones come twice: each fifth, for example.
        at_once: Deliveries at a time.

    Raises:
        RuntimeError: the function failed for another reason, or was in progress for too long.
    """
    met = 0

    def deliver(request: Mapping[str, Any]) -> Any:
        nonlocal met
        for attempt in range(_TRIES):
            answer = functions.invoke(FunctionName=name, Payload=json.dumps(request))
            result = json.loads(answer["Payload"].read())
            if "FunctionError" not in answer:
                return result
            if result.get("errorType") != _IN_PROGRESS:
                raise RuntimeError(f"{name} failed: {result}")
            met += 1
            # Full jitter, so that both deliveries do not meet again.
            time.sleep(random.uniform(0, min(2, 0.1 * 2**attempt)))  # noqa: S311 - not for secrets
        raise RuntimeError(f"{name} was in progress for too long")

    with ThreadPoolExecutor(at_once) as pool:
        sent = [
            [pool.submit(deliver, request) for _ in range(2 if place % every == 0 else 1)]
            for place, request in enumerate(requests)
        ]
        return Repeats([[one.result() for one in both] for both in sent], met)
