"""Lambda: the queue of asynchronous invocations, how often it tries, and how long.

MiniStack gives each attempt a request id of its own, and counts one that finds no concurrency left as a failed one.
Here all attempts have the id that the client got; a function that fails is retried as its settings say, and what
finds no concurrency waits until it is as old as they allow, which counts as no attempt. AWS waits a minute before the
first retry of a function that failed, and two before the second, and up to five minutes for concurrency; here seconds
stand for minutes.

- `POST /_cdp/functions/events/age` with `seconds` makes what waits that much older.
- `POST /_cdp/functions/events/twice?region=us-west-2&name=<function>` delivers each event of the function twice from
  then on, as AWS does with two of some hundred thousand; `DELETE` ends it.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import AdminError, route
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.lambda_.destinations import Invocation, current, settings_of

_concurrency: Any = ministack.module("core.concurrency", "spawn_background")
_lambda: Any = ministack.module(
    "services.lambda_svc",
    "_LAMBDA_ASYNC_RETRY_BASE_SECONDS",
    "_account_region_from_function_config",
    "_execute_function",
    "_reserved_concurrency",
    "_route_async_failure",
)
_responses: Any = ministack.module("core.responses", "request_scope")

_DEFAULT_RETRIES = 2
_DEFAULT_AGE = 6 * 60 * 60
_LONGEST_WAIT = 5.0

_of_request: ContextVar[str | None] = ContextVar("id_of_the_request_that_invokes", default=None)
_twice: set[tuple[str, str]] = set()
"""Region and name of the functions whose events are delivered twice."""
_aged = threading.Condition()
_ahead = [0.0]
"""By how many seconds what waits is older than the machine says."""


@route("POST", "functions/events/age")
def _age(request: Mapping[str, Any]) -> Mapping[str, Any]:
    seconds = float(request["seconds"])
    if seconds <= 0:
        raise AdminError("seconds are more than 0")
    with _aged:
        _ahead[0] += seconds
        _aged.notify_all()
    return {}


@route("POST", "functions/events/twice")
def _deliver_twice(request: Mapping[str, Any]) -> Mapping[str, Any]:
    _twice.add((request["region"], request["name"]))
    return {}


@route("DELETE", "functions/events/twice")
def _deliver_once(request: Mapping[str, Any]) -> Mapping[str, Any]:
    _twice.discard((request["region"], request["name"]))
    return {}


@patch("ministack.app:_dispatch_service_request")
async def _remember_id(
    original: Callable[..., Awaitable[Any]],
    method: str,
    path: str,
    headers: Any,
    body: bytes,
    query: Any,
    request_id: str,
) -> Any:
    """Let a function have the id of the request that invokes it, which the client gets, too."""
    if not path.endswith("/invocations"):
        return await original(method, path, headers, body, query, request_id)
    token = _of_request.set(request_id)
    try:
        return await original(method, path, headers, body, query, request_id)
    finally:
        _of_request.reset(token)


@patch("ministack.services.lambda_svc:_execute_function_dispatch")
def _with_id(original: Callable[..., Any], function: Any, config: Any, event: Any, request_id: str, *rest: Any) -> Any:
    invocation = current.get()
    given = invocation.request_id if invocation is not None else _of_request.get()
    return original(function, config, event, given or request_id, *rest)


@patch("ministack.services.lambda_svc:invoke_async_with_retry")
def _invoke(_original: Callable[..., None], function: dict[str, Any], event: Any) -> None:
    config = function.get("config") or function
    settings = settings_of(config)
    request_id = _of_request.get() or str(uuid.uuid4())
    account, region = _lambda._account_region_from_function_config(config)

    def deliver() -> None:
        current.set(Invocation(config, settings, request_id))
        with _responses.request_scope(account, region):
            _deliver(function, event)

    for _ in range(1 + ((region, config.get("FunctionName")) in _twice)):
        _concurrency.spawn_background(deliver, thread_name="asynchronous-invocation")


def _now() -> float:
    return time.time() + _ahead[0]


def _deliver(function: dict[str, Any], event: Any) -> None:
    """Try until the function succeeds, or nothing is left to try."""
    invocation = current.get()
    if invocation is None:  # set by the caller
        return
    settings = invocation.settings
    retries = settings.get("MaximumRetryAttempts")
    retries = _DEFAULT_RETRIES if retries is None else int(retries)
    oldest = _now() + int(settings.get("MaximumEventAgeInSeconds") or _DEFAULT_AGE)
    throttles = 0
    while True:
        result = _lambda._execute_function(function, event)
        if not result.get("error"):
            return
        if result.get("throttle"):
            if _lambda._reserved_concurrency(function, invocation.config) == 0:
                invocation.condition = "ZeroReservedConcurrency"
                break
            wait, throttles = _backoff(throttles), throttles + 1
        elif invocation.attempts > retries:
            break
        else:
            wait, throttles = _backoff(invocation.attempts - 1), 0
        if not _pause(wait, oldest):
            invocation.condition = "EventAgeExceeded"
            break
    target = invocation.destination("OnFailure") or (invocation.config.get("DeadLetterConfig") or {}).get("TargetArn")
    if target:
        _lambda._route_async_failure(target, invocation.config.get("FunctionName", ""), event, result)


def _backoff(times: int) -> float:
    first: float = _lambda._LAMBDA_ASYNC_RETRY_BASE_SECONDS
    return min(first * 2.0**times, _LONGEST_WAIT)


def _pause(seconds: float, oldest: float) -> bool:
    """Wait; False when the event is too old before that is over."""
    until = time.monotonic() + seconds
    with _aged:
        while (left := until - time.monotonic()) > 0:
            if _now() + left > oldest:
                return False
            _aged.wait(left)
    return _now() <= oldest
