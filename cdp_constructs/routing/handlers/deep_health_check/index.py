"""Says whether this Region can serve: asks every dependency at the same time and answers within a time budget.

Answers 503 when a hard dependency fails, otherwise 200. The checker's own errors (a missing permission, a bug) never
turn the answer into 503: they are marked ``unknown``, logged and counted. What went wrong is in the log only; the
answer is public and names no resource.

Environment: ``DEPENDENCY_<n>`` is a JSON object with ``name``, ``kind``, ``target``, ``hard`` and, for tables, the
``key`` to read; ``TIME_BUDGET_MS``; ``CACHE_MS``; ``SHALLOW_ROUTE``, the route that is answered without any check.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as AwsConnectionError

logger = Logger()
# Probes run in threads, where the X-Ray SDK has no segment to add its own to.
tracer = Tracer(auto_patch=False)
# Two checks in one Region and account must not share a metric: the dimension is the function, not the service.
metrics = Metrics(namespace="CdpConstructs/DeepHealthCheck", service=os.environ.get("AWS_LAMBDA_FUNCTION_NAME"))

# Codes that say "you asked wrongly" or "you may not ask": our mistake, not an outage of the dependency.
OWN_MISTAKES = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidParameter",
        "UnrecognizedClientException",
        "ValidationException",
    }
)
# The prefix that the role may list in a bucket; no object needs to exist under it.
BUCKET_PREFIX = "health-check/"


class Status(StrEnum):
    """What is known about a dependency, or about all of them."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILING = "failing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Dependency:
    """Something the Region needs (hard) or would rather have (soft), and how to ask it."""

    name: str
    hard: bool
    ask: Callable[[], object]


@dataclass(frozen=True)
class Finding:
    """What one dependency answered."""

    status: Status
    hard: bool
    latency_ms: int


@dataclass
class _Memory:
    answer: dict[str, Any] | None = None
    expires: float = 0.0


_memory = _Memory()


class UnexpectedStatusError(Exception):
    """An HTTP dependency answered with something else than 2xx or 3xx."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
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
        _memory.answer = _answer(_examine(load_dependencies(), _time_budget()))
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
            findings[dependency.name] = Finding(Status.FAILING, dependency.hard, round(time_budget * 1000))
    return findings


def _probe(dependency: Dependency) -> Finding:
    started = time.monotonic()
    status = Status.OK
    try:
        dependency.ask()
    except Exception as error:
        status = Status.UNKNOWN if is_own_mistake(error) else Status.FAILING
        logger.warning("Dependency check failed", dependency=dependency.name, status=status, exc_info=True)
    return Finding(status, dependency.hard, round((time.monotonic() - started) * 1000))


def is_own_mistake(error: Exception) -> bool:
    """Tell an error of this checker from an outage of the dependency."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") in OWN_MISTAKES
    outages = (AwsConnectionError, HTTPClientError, HTTPException, OSError, UnexpectedStatusError)
    return not isinstance(error, outages)


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
        {"status": status, "dependencies": {name: asdict(finding) for name, finding in findings.items()}},
    )


def _count(hard_failures: int = 0, soft_failures: int = 0, checker_errors: int = 0) -> None:
    metrics.add_metric("HardFailures", MetricUnit.Count, hard_failures)
    metrics.add_metric("SoftFailures", MetricUnit.Count, soft_failures)
    metrics.add_metric("CheckerErrors", MetricUnit.Count, checker_errors)
    metrics.flush_metrics()


def _response(status: HTTPStatus, body: Mapping[str, Any]) -> dict[str, Any]:
    # no-store: a cache on the way would answer for a Region that has failed meanwhile.
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": int(status), "headers": headers, "body": json.dumps(body)}


def _time_budget() -> float:
    return int(os.environ["TIME_BUDGET_MS"]) / 1000


@cache
def _client(service: str) -> Any:
    # One try with short timeouts: a retry would spend the budget on hiding the very failure that is looked for.
    timeout = _time_budget()
    config = Config(connect_timeout=timeout, read_timeout=timeout, retries={"total_max_attempts": 1})
    return boto3.client(service, config=config)  # type: ignore[call-overload]  # boto3-stubs want a literal name


@cache
def load_dependencies() -> tuple[Dependency, ...]:
    """Read the dependencies from the environment and make the clients that they need."""
    names = sorted(name for name in os.environ if name.startswith("DEPENDENCY_"))
    return tuple(_dependency(json.loads(os.environ[name])) for name in names)


def _dependency(entry: Mapping[str, Any]) -> Dependency:
    return Dependency(entry["name"], entry["hard"], _ASKING[entry["kind"]](entry))


def _ask_table(entry: Mapping[str, Any]) -> Callable[[], object]:
    client, target, key = _client("dynamodb"), entry["target"], entry["key"]
    # Strongly consistent, so that it is the partition's leader that answers and not any replica.
    return lambda: client.get_item(TableName=target, Key=key, ConsistentRead=True)


def _ask_bucket(entry: Mapping[str, Any]) -> Callable[[], object]:
    client, target = _client("s3"), entry["target"]
    return lambda: client.list_objects_v2(Bucket=target, Prefix=BUCKET_PREFIX, MaxKeys=1)


def _ask_queue(entry: Mapping[str, Any]) -> Callable[[], object]:
    client, target = _client("sqs"), entry["target"]
    return lambda: client.get_queue_attributes(QueueUrl=target, AttributeNames=["QueueArn"])


def _ask_topic(entry: Mapping[str, Any]) -> Callable[[], object]:
    client, target = _client("sns"), entry["target"]
    return lambda: client.get_topic_attributes(TopicArn=target)


def _ask_http(entry: Mapping[str, Any]) -> Callable[[], object]:
    url = urlsplit(entry["target"])
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    connect = HTTPSConnection if url.scheme == "https" else HTTPConnection

    def ask() -> None:
        connection = connect(url.netloc, timeout=_time_budget())
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"user-agent": "deep-health-check"})
            status = connection.getresponse().status
        if not HTTPStatus.OK <= status < HTTPStatus.BAD_REQUEST:
            raise UnexpectedStatusError(status)

    return ask


_ASKING: Mapping[str, Callable[[Mapping[str, Any]], Callable[[], object]]] = {
    "table": _ask_table,
    "bucket": _ask_bucket,
    "queue": _ask_queue,
    "topic": _ask_topic,
    "http": _ask_http,
}

# Clients take longest to make: do it while Lambda starts the environment. An error is met again inside the handler.
with contextlib.suppress(Exception):
    load_dependencies()
