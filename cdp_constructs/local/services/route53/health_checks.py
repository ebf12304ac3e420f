"""Route 53: health checks are made, in their interval or at once, and say which records may be answered.

One checker stands for those of all Regions. It asks what this cloud serves, from outside: a Region that is cut off does
not answer it. Hosts elsewhere are not asked, and count as healthy.

`POST /_cdp/health-checks/run` with `{"times": 3}` makes every check three times at once;
`GET /_cdp/health-checks?run=…` says whether that has been done, and how the checks stand.
"""

import http.client
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import AdminError, route
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.gateway.names import OF_AWS, is_of_cloud

__all__ = ["Observation", "is_healthy", "last_failure", "observation"]

_cloudwatch: Any = ministack.module("services.cloudwatch", "_alarms")
_route53: Any = ministack.module("services.route53", "_health_checks")

_INTERVAL_SECONDS, _THRESHOLD = 30, 3
"""Defaults of `RequestInterval` and `FailureThreshold`."""
_ANSWER_SECONDS = 6.0
"""Four seconds for the connection and two for the answer, as Route 53 waits."""
_SEARCHED_BYTES = 5_120
_POLL_SECONDS = 0.5
_MOST_TIMES = 10
_SUCCESS, _REDIRECTED = 200, 400

_ASKED = {"HTTP": False, "HTTPS": False, "HTTP_STR_MATCH": True, "HTTPS_STR_MATCH": True}
"""Types that ask an endpoint, and whether they search the answer."""


@dataclass(frozen=True)
class Observation:
    """What a checker has seen."""

    status: str
    time: float


@dataclass
class _State:
    """How a check stands. It is healthy until it has failed often enough."""

    next_due: float
    healthy: bool = True
    in_a_row: int = 0
    """Results that differ from `healthy`, one after the other."""
    last: Observation | None = None
    last_failure: Observation | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


_states: dict[str, _State] = {}
_wake = threading.Event()
_starting = threading.Lock()
_runs: dict[int, int] = {}
"""Requested runs that have not been done: number and times."""
_requested = 0


def _checks() -> dict[str, Any]:
    """Return the configurations by id, of every account."""
    return {check["id"]: check["config"] for check in list(_route53._health_checks._data.values())}


def _answers(configuration: Mapping[str, Any]) -> tuple[bool, str]:
    """Ask an endpoint, and return whether it is healthy, and why."""
    host = configuration.get("FullyQualifiedDomainName", "")
    if not (host.endswith(OF_AWS) or is_of_cloud(host)):
        return True, f"Success: {host or configuration.get('IPAddress')} is outside of the embedded cloud, not asked"
    port = int(os.environ.get("GATEWAY_PORT", "4566"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    try:
        path = quote(configuration.get("ResourcePath") or "/", safe="/?=&%:@!$'()*+,;~-._")
        # The name under which a browser of this machine would open it.
        agent = {"Host": f"{host}.localhost:{port}", "User-Agent": "Amazon-Route53-Health-Check-Service"}
        connection.request("GET", path, headers=agent)
        answer = connection.getresponse()
        body = answer.read(_SEARCHED_BYTES)
    except (OSError, http.client.HTTPException) as error:
        return False, f"Failure: {type(error).__name__}: {error}"
    finally:
        connection.close()
    said = f"HTTP Status Code {answer.status}, {answer.reason}"
    if not _SUCCESS <= answer.status < _REDIRECTED:
        return False, f"Failure: {said}"
    if _ASKED[configuration["Type"]] and configuration.get("SearchString", "").encode() not in body:
        return False, f"Failure: {said}. The search string was not found"
    return True, f"Success: {said}"


def _check(check_id: str, configuration: Mapping[str, Any]) -> None:
    """Make one check and note its result; the status changes after as many results in a row as it is configured."""
    state = _states.get(check_id)
    if state is None:
        return
    healthy, status = _answers(configuration)
    with state.lock:
        state.last = Observation(status, time.time())
        if not healthy:
            state.last_failure = state.last
        state.in_a_row = 0 if healthy == state.healthy else state.in_a_row + 1
        if state.in_a_row >= configuration.get("FailureThreshold", _THRESHOLD):
            state.healthy, state.in_a_row = healthy, 0


def _asking(checks: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checks that ask an endpoint, and forget the state of those that are gone."""
    for gone in set(_states) - set(checks):
        del _states[gone]
    return {name: one for name, one in checks.items() if one.get("Type") in _ASKED and not one.get("Disabled")}


def _work(pool: ThreadPoolExecutor) -> None:
    now = time.monotonic()
    asking = _asking(_checks())
    for name, configuration in asking.items():
        interval = configuration.get("RequestInterval", _INTERVAL_SECONDS)
        state = _states.setdefault(name, _State(next_due=now + interval))
        if state.next_due <= now:
            state.next_due = now + interval
            pool.submit(_check, name, configuration)
    for number in sorted(_runs):
        for _ in range(_runs[number]):
            list(pool.map(_check, asking, asking.values()))
        del _runs[number]


def _loop() -> None:
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="health-check") as pool:
        while True:
            _work(pool)
            _wake.wait(_POLL_SECONDS)
            _wake.clear()


def _start() -> None:
    with _starting:
        if not any(thread.name == "health-checks" for thread in threading.enumerate()):
            threading.Thread(target=_loop, name="health-checks", daemon=True).start()


@patch("ministack.services.route53:_parse_health_check_config")
def _configuration(original: Callable[[Any], dict[str, Any]], element: Any) -> dict[str, Any]:
    """Read lists as Route 53 sends them; MiniStack looks for the values one level too deep."""
    read = original(element)
    for name, item in (("ChildHealthChecks", "ChildHealthCheck"), ("Regions", "Region")):
        if name in read:
            read[name] = [one.text for one in element.iter() if one.tag.rpartition("}")[2] == item]
    return read


@patch("ministack.services.route53:_create_health_check")
def _create(original: Callable[[bytes], Any], body: bytes) -> Any:
    answer = original(body)
    _start()
    return answer


def _alarm_allows(configuration: Mapping[str, Any]) -> bool:
    wanted = configuration.get("AlarmIdentifier") or {}
    key = (wanted.get("Region"), wanted.get("Name"))
    states = [
        alarm["StateValue"] for (_, region, name), alarm in _cloudwatch._alarms.all_items() if (region, name) == key
    ]
    if not states or states[0] == "INSUFFICIENT_DATA":
        # The last known status of an alarm that never had data is healthy.
        return bool(configuration.get("InsufficientDataHealthStatus") != "Unhealthy")
    return bool(states[0] == "OK")


def is_healthy(check_id: str) -> bool:
    """Whether records with a health check may be answered; a check that does not exist lets them."""
    checks = _checks()
    configuration = checks.get(check_id)
    if configuration is None:
        return True
    kind = configuration.get("Type")
    if configuration.get("Disabled"):
        healthy = True
    elif kind == "CALCULATED":
        children = configuration.get("ChildHealthChecks", [])
        healthy = sum(is_healthy(child) for child in children) >= configuration.get("HealthThreshold", 0)
    elif kind == "CLOUDWATCH_METRIC":
        healthy = _alarm_allows(configuration)
    else:
        state = _states.get(check_id)
        healthy = state is None or state.healthy
    return healthy != bool(configuration.get("Inverted"))


def observation(check_id: str) -> Observation | None:
    """Return what was seen last, or None before the first check."""
    state = _states.get(check_id)
    return state.last if state else None


def last_failure(check_id: str) -> Observation | None:
    """Return the last failure that was seen."""
    state = _states.get(check_id)
    return state.last_failure if state else None


@route("POST", "health-checks/run")
def _run(request: Mapping[str, Any]) -> Mapping[str, Any]:
    global _requested  # noqa: PLW0603 - the number of the next run
    times = int(request.get("times", _THRESHOLD))
    if not 1 <= times <= _MOST_TIMES:
        raise AdminError(f"times is {times}; use 1 to {_MOST_TIMES}")
    _requested += 1
    _runs[_requested] = times
    _start()
    _wake.set()
    return {"run": _requested}


@route("GET", "health-checks")
def _standing(request: Mapping[str, Any]) -> Mapping[str, Any]:
    done = int(request.get("run", 0)) not in _runs
    states = {name: {"healthy": one.healthy, "seen": one.last and one.last.status} for name, one in _states.items()}
    return {"done": done, "checks": states}
