"""Says whether this Region can serve: asks every dependency at the same time and answers within a time budget.

Answers 503 when a hard dependency fails, otherwise 200. The checker's own errors (a missing permission, a bug) never
turn the answer into 503: they are marked ``unknown``, logged and counted. The answer is public: it says why in a word
of a closed list (``ErrorCode``) and names no resource; the log has the error itself.

Environment: ``DEPENDENCY_<n>`` is a JSON object with ``name``, ``kind``, ``target``, ``hard`` and, for tables, the
``key`` to read; ``TIME_BUDGET_MS``; ``CACHE_MS``; ``SHALLOW_ROUTE``, the route that is answered without any check.
"""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from .dependencies import Dependency, load_dependencies, time_budget
from .errors import ErrorCode, error_code, is_own_mistake

logger = Logger()
# Probes run in threads, where the X-Ray SDK has no segment to add its own to.
metrics = Metrics()
metrics.set_default_dimensions(function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"])


class Status(StrEnum):
    """What is known about a dependency, or about all of them."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILING = "failing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """What one dependency answered."""

    status: Status
    hard: bool
    latency_ms: int
    error: ErrorCode | None = None

    def public(self) -> dict[str, Any]:
        """Return what the answer has; ``error`` only where there is one."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass
class _Memory:
    answer: dict[str, Any] | None = None
    expires: float = 0.0


_memory = _Memory()


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], _context: Any) -> dict[str, Any]:
    """Answer a request of the shallow or of the deep route (HTTP API, payload format 2.0)."""
    if event.get("routeKey") == os.environ.get("SHALLOW_ROUTE"):
        return _response(HTTPStatus.OK, {"status": Status.OK})
    try:
        return _remembered_answer()
    except Exception:
        logger.exception("The checker itself failed; the Region counts as healthy")
        with contextlib.suppress(Exception):
            _count(checker_errors=1)
        return _response(HTTPStatus.OK, {"status": Status.UNKNOWN, "dependencies": {}})


def _remembered_answer() -> dict[str, Any]:
    # Wall clock: the monotonic one may stand still while Lambda keeps the environment frozen between two requests.
    if _memory.answer is None or time.time() >= _memory.expires:
        _memory.answer = _answer(_examine(load_dependencies(), time_budget()))
        _memory.expires = time.time() + int(os.environ["CACHE_MS"]) / 1000
    return _memory.answer


def _examine(dependencies: tuple[Dependency, ...], time_budget: float) -> dict[str, Finding]:
    if not dependencies:
        return {}
    # A pool of its own: what hangs here must not take a thread from the next check. Its sockets time out by themselves.
    pool = ThreadPoolExecutor(max_workers=len(dependencies))
    futures = {dependency: pool.submit(_probe, dependency) for dependency in dependencies}
    done, _ = wait(futures.values(), timeout=time_budget)
    pool.shutdown(wait=False, cancel_futures=True)
    findings = {}
    for dependency, future in futures.items():
        if future in done:
            findings[dependency.name] = future.result()
        else:
            logger.warning("Dependency gave no answer in time", dependency=dependency.name)
            findings[dependency.name] = Finding(
                Status.FAILING, dependency.hard, round(time_budget * 1000), ErrorCode.TIMEOUT
            )
    return findings


def _probe(dependency: Dependency) -> Finding:
    started = time.monotonic()
    status, code = Status.OK, None
    try:
        dependency.ask()
    except Exception as error:
        status, code = Status.UNKNOWN if is_own_mistake(error) else Status.FAILING, error_code(error)
        logger.warning("Dependency check failed", dependency=dependency.name, status=status, error=code, exc_info=True)
    return Finding(status, dependency.hard, round((time.monotonic() - started) * 1000), code)


def _answer(findings: Mapping[str, Finding]) -> dict[str, Any]:
    failing = [finding for finding in findings.values() if finding.status is Status.FAILING]
    hard_failures = sum(finding.hard for finding in failing)
    checker_errors = sum(finding.status is Status.UNKNOWN for finding in findings.values())
    _count(hard_failures, len(failing) - hard_failures, checker_errors)
    if hard_failures:
        status = Status.FAILING
    elif failing:
        status = Status.DEGRADED
    else:
        status = Status.UNKNOWN if checker_errors else Status.OK
    return _response(
        HTTPStatus.SERVICE_UNAVAILABLE if hard_failures else HTTPStatus.OK,
        {"status": status, "dependencies": {name: finding.public() for name, finding in findings.items()}},
    )


def _count(hard_failures: int = 0, soft_failures: int = 0, checker_errors: int = 0) -> None:
    metrics.add_metric("HardFailures", MetricUnit.Count, hard_failures)
    metrics.add_metric("SoftFailures", MetricUnit.Count, soft_failures)
    metrics.add_metric("CheckerErrors", MetricUnit.Count, checker_errors)
    # Not log_metrics: a remembered answer counts nothing.
    metrics.flush_metrics()


def _response(status: HTTPStatus, body: Mapping[str, Any]) -> dict[str, Any]:
    # no-store: a cache on the way would answer for a Region that has failed meanwhile.
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": int(status), "headers": headers, "body": json.dumps(body)}


# Clients take longest to make: do it while Lambda starts the environment. An error is met again inside the handler.
with contextlib.suppress(Exception):
    load_dependencies()
