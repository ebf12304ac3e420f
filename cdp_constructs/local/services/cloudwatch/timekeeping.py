"""CloudWatch: when metrics that follow from a state are read, and alarms evaluated: as time passes, or is moved.

`POST /_cdp/metrics/advance` with `seconds`, up to an hour, moves the clock of metrics and alarms forward, minute by
minute, as if nothing else happened meanwhile; `GET /_cdp/metrics/clock` returns its time. `POST /_cdp/metrics/emit`
adds a value to a metric as a service does, in namespaces too that `PutMetricData` refuses.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import clock, ministack
from cdp_constructs.local.kit.admin import AdminError, route
from cdp_constructs.local.kit.metrics import read_gauges
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.ticking import Ticking
from cdp_constructs.local.services.cloudwatch.evaluation import evaluate_all, shortest_period

__all__ = ["advance"]

_cloudwatch: Any = ministack.module("services.cloudwatch", "_store_datum")
_responses: Any = ministack.module("core.responses", "request_scope")

_STEP = 60
_LOOK_EVERY = 10.0
_LONGEST_MOVE = 3600
_KEEP = 3600.0

_evaluated_at = [0.0]
_evicted_at = [0.0]


def _look() -> None:
    """Read the gauges, and evaluate the alarms when another period is over."""
    read_gauges()
    period = clock.now() // shortest_period()
    if period != _evaluated_at[0]:
        _evaluated_at[0] = period
        evaluate_all()


ticking = Ticking("cloudwatch", every=_LOOK_EVERY, action=_look, ended=clock.reset)


def advance(seconds: float) -> None:
    """Move the clock of metrics and alarms, minute by minute; on the server's event loop."""
    read_gauges()
    while seconds > 0:
        clock.advance(min(seconds, _STEP))
        seconds -= _STEP
        _look()


@route("GET", "metrics/clock")
def _clock(_request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"now": clock.now()}


@route("POST", "metrics/advance")
def _advance(request: Mapping[str, Any]) -> Mapping[str, Any]:
    left = float(request["seconds"])
    if not 0 < left <= _LONGEST_MOVE:
        raise AdminError(f"seconds is {left:g}; give more than 0, and {_LONGEST_MOVE} at most")
    advance(left)
    return _clock({})


@route("POST", "metrics/emit")
def _emit(request: Mapping[str, Any]) -> Mapping[str, Any]:
    at = request.get("timestamp") or clock.now()
    with _responses.request_scope(request["account"], request["region"]):
        _cloudwatch._store_datum(
            request["namespace"], request["name"], request["dimensions"], at, "None", request["value"], None, None, None
        )
    return {}


@patch("ministack.services.cloudwatch:_evict_old_metrics")
def _evict(original: Callable[[], None]) -> None:
    """Look for old metrics once an hour; MiniStack reads all of them with each request."""
    if time.monotonic() - _evicted_at[0] > _KEEP:
        _evicted_at[0] = time.monotonic()
        original()
