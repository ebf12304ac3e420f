"""Step Functions: how long a retry waits, and what no wildcard matches.

MiniStack knows neither `MaxDelaySeconds` nor `JitterStrategy`; it waits a minute at most, whatever the retrier says.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cdp_constructs.local.kit.patch import patch

_NOT_BY_WILDCARD = frozenset({"States.DataLimitExceeded", "States.Runtime"})


@patch("ministack.services.stepfunctions:_error_matches")
def _matches(original: Callable[..., bool], named: Sequence[str], error: str) -> bool:
    if error in _NOT_BY_WILDCARD:
        return error in named
    if error == "States.HeartbeatTimeout" and "States.Timeout" in named:
        return True
    return original(named, error)


@patch("ministack.services.stepfunctions:_find_matching_retrier")
def _find(
    original: Callable[..., tuple[Mapping[str, Any] | None, int]],
    retriers: Sequence[Mapping[str, Any]],
    error: str,
    counts: Mapping[int, int],
) -> tuple[Mapping[str, Any] | None, int]:
    retrier, place = original(retriers, error, counts)
    if retrier is None:
        return None, place
    delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** counts.get(place, 0)
    delay = min(delay, retrier.get("MaxDelaySeconds", delay))
    if retrier.get("JitterStrategy") == "FULL":
        delay = random.uniform(0, delay)  # noqa: S311 - when a retry comes is no secret
    return {**retrier, "IntervalSeconds": delay, "BackoffRate": 1}, place
