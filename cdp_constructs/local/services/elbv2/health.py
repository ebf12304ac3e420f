"""Load balancers: health checks of targets, and targets that leave while requests are under way.

A target gets requests once it has passed a check; the first checks of a new one follow each other quickly, later ones
come at the interval of the target group. An administrator can have all of them made at once.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cdp_constructs.local.kit import arns, ministack
from cdp_constructs.local.kit.admin import route
from cdp_constructs.local.kit.once import once
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.elbv2 import records
from cdp_constructs.local.services.elbv2.checks import passes
from cdp_constructs.local.services.elbv2.records import port_of

__all__ = ["candidates", "changing", "drain", "forget", "healthy_seconds", "requests_of", "state", "under_way"]

_alb: Any = ministack.module("services.alb", "_targets", "_tgs", "_xml", "_p", "_parse_targets_param")

_FIRST_SECONDS = 0.2
"""Between the checks of a target that has not passed one yet."""
_POLL_SECONDS = 0.05
_CHECKED_TYPES = frozenset({"ip", "instance"})


@dataclass
class _Target:
    """What is known of a target.

    Attributes:
        state: As `state` returns it.
        reason: Why it is not healthy, as DescribeTargetHealth says it.
        passed: Checks that it has passed in a row.
        failed: Checks that it has failed in a row.
        due: When it is checked again.
        counts: From when on a failure of a new target counts: quick first checks are not at the interval.
        requests: How many are under way.
        healthy_since: When it became healthy.
        ends: Until when a target that leaves may keep its requests.
        closing: What closes the connections that it still has then.
    """

    state: str = "initial"
    reason: str = "Elb.RegistrationInProgress"
    passed: int = 0
    failed: int = 0
    due: float = 0.0
    counts: float | None = None
    requests: int = 0
    healthy_since: float = 0.0
    ends: float | None = None
    closing: set[Callable[[], object]] = field(default_factory=set)


_known: dict[tuple[str, str, int], _Target] = {}
changing = threading.RLock()
"""Held while a target is chosen and its request begins: one that leaves has the request, or is not chosen."""
_checks = ThreadPoolExecutor(16, thread_name_prefix="elb-check")
"""A target that does not answer holds one of them for the seconds of its timeout."""


def _target(group: str, address: str, port: int) -> _Target:
    with changing:
        return _known.setdefault((group, address, port), _Target())


def state(group: str, address: str, port: int) -> str:
    """Return `initial`, `healthy`, `unhealthy`, `draining` or `unused`."""
    record = _alb._tgs.get(group)
    if record is not None and not _is_checked(record):
        return "healthy"
    _start()
    return _target(group, address, port).state


def candidates(group: str) -> list[dict[str, Any]]:
    """Return the targets that get requests: the healthy ones, and all of them when none is healthy."""
    registered: list[dict[str, Any]] = list(_alb._targets.get(group, []))
    record = _alb._tgs[group]
    healthy = [each for each in registered if state(group, each["Id"], port_of(record, each)) == "healthy"]
    return healthy or registered


def healthy_seconds(group: str, address: str, port: int) -> float:
    """Return for how long a target has been healthy."""
    return time.monotonic() - _target(group, address, port).healthy_since


def requests_of(group: str, address: str, port: int) -> int:
    """Return how many requests to a target are under way."""
    return _target(group, address, port).requests


@contextmanager
def under_way(group: str, address: str, port: int, close: Callable[[], object]) -> Iterator[None]:
    """Count a request to a target; it is closed by `close` when the target leaves and the request takes too long."""
    target = _target(group, address, port)
    with changing:
        target.requests += 1
        target.closing.add(close)
    try:
        yield
    finally:
        with changing:
            target.requests -= 1
            target.closing.discard(close)


def drain(group: str, address: str, port: int) -> None:
    """Wait until a target that was deregistered has no request any more, for as long as the group's delay at most."""
    target = _target(group, address, port)
    while not _has_left(group, target):
        time.sleep(_POLL_SECONDS)
    forget(group, address, port)


def _has_left(group: str, target: _Target) -> bool:
    """Let a target leave; return whether it has no request any more, since none is left or the rest was closed."""
    delay = _delay(group) if target.ends is None else 0.0
    with changing:
        if target.ends is None:
            target.state, target.reason = "draining", "Target.DeregistrationInProgress"
            target.ends = time.monotonic() + delay
        if target.requests and time.monotonic() < target.ends:
            return False
        left = list(target.closing)
    for close in left:
        close()
    return True


def _delay(group: str) -> float:
    """Return how many seconds a target of a group may take to leave; none is left of a group that was deleted."""
    with arns.scope(group):
        known = group in _alb._tgs
        return float(records.group_attribute(group, "deregistration_delay.timeout_seconds", "300")) if known else 0.0


def forget(group: str, address: str, port: int) -> None:
    """Know nothing of a target any more: whoever has its address next is another one."""
    with changing:
        _known.pop((group, address, port), None)


# --- Checks -----------------------------------------------------------------------------------------------------------


def _check(group: Mapping[str, Any], address: str, port: int, *, counts: bool = False) -> None:
    """Check a target; as one of its regular checks, if it counts."""
    target = _known.get((group["TargetGroupArn"], address, port))
    if target is None:  # deregistered meanwhile; another task may have the address next
        return
    passed, reason = passes(group, address, port)
    if target.state == "draining":
        return
    interval, now = float(group["HealthCheckIntervalSeconds"]), time.monotonic()
    target.counts = now + interval if target.counts is None else target.counts
    if passed:
        target.passed, target.failed = target.passed + 1, 0
        if target.state == "initial" or target.passed >= group["HealthyThresholdCount"]:
            if target.state != "healthy":
                target.healthy_since = now
            target.state, target.reason = "healthy", ""
    elif counts or target.state != "initial" or now >= target.counts:
        target.passed, target.failed, target.counts = 0, target.failed + 1, now + interval
        if target.failed >= group["UnhealthyThresholdCount"]:
            target.state, target.reason = "unhealthy", reason
    target.due = now + (_FIRST_SECONDS if target.state == "initial" else interval)


def _registered() -> Iterator[tuple[Mapping[str, Any], str, int]]:
    for group in list(_alb._tgs.all_values()):
        for each in records.targets_of(group["TargetGroupArn"]):
            yield group, str(each["Id"]), port_of(group, each)


def _checked() -> Iterator[tuple[Mapping[str, Any], str, int]]:
    return (each for each in _registered() if _is_checked(each[0]))


def _is_checked(group: Mapping[str, Any]) -> bool:
    is_checked: bool = group.get("HealthCheckEnabled", True)
    return is_checked and group.get("TargetType", "instance") in _CHECKED_TYPES


def _see_off() -> None:
    """Let the targets leave that are not registered any more."""
    registered = {(group["TargetGroupArn"], address, port) for group, address, port in _registered()}
    for key, target in list(_known.items()):
        # What nobody uses stays known: a service may look at its task before it is registered, and afterwards.
        is_leaving = target.requests > 0 or target.ends is not None
        if is_leaving and key not in registered and _has_left(key[0], target):
            forget(*key)


@once
def _start() -> None:
    threading.Thread(target=_check_always, name="elb-health", daemon=True).start()


def _check_always() -> None:
    while True:
        now = time.monotonic()
        _see_off()
        for group, address, port in list(_checked()):
            if _target(group["TargetGroupArn"], address, port).due <= now:
                _target(group["TargetGroupArn"], address, port).due = float("inf")  # until this check has ended
                _checks.submit(_check, group, address, port)
        time.sleep(_POLL_SECONDS)


@route("POST", "targets/check")
def _check_now(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make every check now, as often as is asked, and return the states."""
    for _ in range(int(request.get("times", 1))):
        registered = list(_checked())
        for group, address, port in registered:
            _target(group["TargetGroupArn"], address, port)
        list(_checks.map(lambda each: _check(*each, counts=True), registered))
    states = {f"{address}:{port}": target.state for (_, address, port), target in _known.items()}
    return {"targets": states}


@patch("ministack.services.alb:_ACTION_MAP[DescribeTargetHealth]")
def _describe(original: Any, parameters: Any) -> Any:
    arn = _alb._p(parameters, "TargetGroupArn")
    group = _alb._tgs.get(arn)
    if group is None or group.get("TargetType", "instance") not in _CHECKED_TYPES:
        return original(parameters)
    wanted = {each["Id"] for each in _alb._parse_targets_param(parameters)}
    described = ""
    targets = [(str(each["Id"]), port_of(group, each)) for each in _alb._targets.get(arn, [])]
    targets += [key[1:] for key, target in list(_known.items()) if key[0] == arn and target.ends is not None]
    for address, port in dict.fromkeys(targets):
        if wanted and address not in wanted:
            continue
        found = state(arn, address, port)
        reason = _target(arn, address, port).reason
        why = f"<Reason>{reason}</Reason>" if reason and found != "healthy" else ""
        described += (
            f"<member><Target><Id>{address}</Id><Port>{port}</Port></Target><HealthCheckPort>{port}</HealthCheckPort>"
            f"<TargetHealth><State>{found}</State>{why}</TargetHealth></member>"
        )
    return _alb._xml(200, "DescribeTargetHealth", f"<TargetHealthDescriptions>{described}</TargetHealthDescriptions>")
