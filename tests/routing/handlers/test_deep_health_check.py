"""The checker by itself: what it asks, how it judges, and that nothing of its own turns the answer into 503."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.stub import Stubber

from tests.handlers import import_handler

CONTEXT = SimpleNamespace(
    function_name="check", memory_limit_in_mb=512, invoked_function_arn="arn:aws:lambda:x", aws_request_id="1"
)
PACKAGE = "cdp_constructs.routing.handlers.deep_health_check"
DEEP = {"routeKey": "GET /health/deep"}
SHALLOW = {"routeKey": "GET /health"}

Load = Callable[..., ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import the handler as a new execution environment would, with the given variables."""

    def import_anew(**variables: str) -> ModuleType:
        environment = {
            "AWS_LAMBDA_FUNCTION_NAME": "check",
            "AWS_DEFAULT_REGION": "ap-northeast-1",
            "AWS_ACCESS_KEY_ID": "made-up",
            "AWS_SECRET_ACCESS_KEY": "made-up",
            "POWERTOOLS_SERVICE_NAME": f"check-{time.monotonic_ns()}",  # a logger of its own, writing to this test
            "POWERTOOLS_METRICS_NAMESPACE": "CdpConstructs",
            "POWERTOOLS_TRACE_DISABLED": "true",
            "TIME_BUDGET_MS": "200",
            "CACHE_MS": "5000",
            "SHALLOW_ROUTE": "GET /health",
            **variables,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return import_handler(PACKAGE)

    return import_anew


def depend(checker: ModuleType, **asks: tuple[bool, Callable[[], object]]) -> None:
    found = tuple(checker.Dependency(name, hard, ask) for name, (hard, ask) in asks.items())
    checker.load_dependencies = lambda: found


def call(checker: ModuleType, event: dict[str, str] = DEEP) -> tuple[int, dict[str, Any]]:
    response = checker.handler(event, CONTEXT)
    return response["statusCode"], json.loads(response["body"])


def answers() -> None:
    pass


def fails() -> None:
    raise EndpointConnectionError(endpoint_url="https://orders-table.internal")


def refused(code: str, *, status: int = 400) -> ClientError:
    response = {"Error": {"Code": code, "Message": "arn:aws:dynamodb:::table/orders"}}
    return ClientError({**response, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetItem")  # type: ignore[arg-type, typeddict-item]  # the rest is not read


def counted(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert len(documents) == 1
    assert documents[0]["function_name"] == "check"
    (metrics,) = documents[0]["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], metrics["Dimensions"]) == ("CdpConstructs", [["function_name", "service"]])
    return {name: documents[0][name][0] for name in ("HardFailures", "SoftFailures", "CheckerErrors")}


def test_all_dependencies_fine_is_200(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    checker = load()
    depend(checker, table=(True, answers), bucket=(False, answers))
    status, body = call(checker)
    assert (status, body["status"]) == (200, "ok")
    assert set(body["dependencies"]) == {"table", "bucket"}
    assert set(body["dependencies"]["table"]) == {"status", "hard", "latency_ms"}
    assert 0 <= body["dependencies"]["table"]["latency_ms"] < 200
    assert counted(capsys) == {"HardFailures": 0, "SoftFailures": 0, "CheckerErrors": 0}


def test_a_failing_hard_dependency_is_503(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    checker = load()
    depend(checker, table=(True, fails), bucket=(False, answers))
    status, body = call(checker)
    assert (status, body["status"]) == (503, "failing")
    assert body["dependencies"]["table"]["status"] == "failing"
    assert body["dependencies"]["table"]["error"] == "unreachable"
    assert body["dependencies"]["bucket"]["status"] == "ok"
    assert "error" not in body["dependencies"]["bucket"]
    assert counted(capsys) == {"HardFailures": 1, "SoftFailures": 0, "CheckerErrors": 0}


def test_a_failing_soft_dependency_degrades_but_stays_200(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    checker = load()
    depend(checker, table=(True, answers), bucket=(False, fails))
    status, body = call(checker)
    assert (status, body["status"]) == (200, "degraded")
    assert body["dependencies"]["bucket"]["status"] == "failing"
    assert body["dependencies"]["bucket"]["error"] == "unreachable"
    assert counted(capsys) == {"HardFailures": 0, "SoftFailures": 1, "CheckerErrors": 0}


def test_a_hanging_dependency_does_not_hold_the_answer(load: Load) -> None:
    checker = load()
    released = threading.Event()
    depend(checker, table=(True, released.wait), bucket=(True, answers))
    started = time.monotonic()
    status, body = call(checker)
    took = time.monotonic() - started
    released.set()
    assert status == 503
    assert body["dependencies"]["table"] == {
        "status": "failing",
        "hard": True,
        "latency_ms": 200,
        "error": "timeout",
    }
    assert body["dependencies"]["bucket"]["status"] == "ok"
    assert 0.2 <= took < 1.0, "it hangs for ever, and the budget is 0.2 s"


def test_dependencies_are_asked_at_the_same_time(load: Load) -> None:
    checker = load(TIME_BUDGET_MS="5000")
    together = threading.Barrier(5, timeout=5)  # nobody gets past before all five are there
    depend(checker, **{f"queue{number}": (True, together.wait) for number in range(5)})
    assert call(checker)[0] == 200


def test_a_lost_permission_fails_open_and_is_counted(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    checker = load()

    def denied() -> None:
        raise refused("AccessDeniedException")

    depend(checker, table=(True, denied), bucket=(True, answers))
    status, body = call(checker)
    assert (status, body["status"]) == (200, "unknown")
    assert body["dependencies"]["table"]["status"] == "unknown"
    assert counted(capsys) == {"HardFailures": 0, "SoftFailures": 0, "CheckerErrors": 1}


def test_a_lost_permission_does_not_hide_a_failing_hard_dependency(load: Load) -> None:
    checker = load()

    def denied() -> None:
        raise refused("AccessDenied")

    depend(checker, table=(True, fails), bucket=(True, denied))
    assert call(checker)[0] == 503


def test_a_bug_in_the_checker_fails_open_and_is_counted(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    checker = load()

    def broken() -> None:
        raise ZeroDivisionError

    checker.load_dependencies = broken
    assert call(checker) == (200, {"status": "unknown", "dependencies": {}})
    assert counted(capsys) == {"HardFailures": 0, "SoftFailures": 0, "CheckerErrors": 1}


def test_a_broken_configuration_fails_open_even_while_the_module_is_loaded(load: Load) -> None:
    checker = load(DEPENDENCY_01="no json")
    assert call(checker) == (200, {"status": "unknown", "dependencies": {}})


def test_the_answer_has_a_word_of_a_closed_list_and_nothing_of_the_error(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    checker = load()

    def denied() -> None:
        raise refused("AccessDenied")

    def unheard_of() -> None:
        raise refused("OrdersShardIsOnFire")

    depend(checker, first=(True, fails), second=(True, denied), third=(True, unheard_of))
    body = checker.handler(DEEP, CONTEXT)["body"]
    errors = {name: found["error"] for name, found in json.loads(body)["dependencies"].items()}
    assert errors == {"first": "unreachable", "second": "denied", "third": "other"}
    assert not any(word in body for word in ("orders", "Orders", "arn:", "Endpoint", "Denied"))
    logged = capsys.readouterr().out
    assert all(text in logged for text in ("orders-table.internal", "OrdersShardIsOnFire")), "the log has it all"


def test_answers_are_not_to_be_stored_by_anybody_on_the_way(load: Load) -> None:
    checker = load()
    depend(checker, table=(True, fails))
    for event in (DEEP, SHALLOW):
        assert checker.handler(event, CONTEXT)["headers"]["cache-control"] == "no-store"


def test_an_answer_is_remembered_for_a_while(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    checker = load()
    asked: list[int] = []
    now = [1_000_000.0]
    monkeypatch.setattr(checker.time, "time", lambda: now[0])
    depend(checker, table=(True, lambda: asked.append(1)))
    call(checker)
    now[0] += 4.9
    call(checker)
    assert len(asked) == 1
    now[0] += 0.2
    call(checker)
    assert len(asked) == 2


def test_without_a_cache_time_every_request_asks(load: Load) -> None:
    checker = load(CACHE_MS="0")
    asked: list[int] = []
    depend(checker, table=(True, lambda: asked.append(1)))
    call(checker)
    call(checker)
    assert len(asked) == 2


def test_the_shallow_route_asks_nobody(load: Load) -> None:
    checker = load()
    asked: list[int] = []
    depend(checker, table=(True, lambda: asked.append(1)))
    assert call(checker, SHALLOW) == (200, {"status": "ok"})
    assert asked == []


def test_a_check_without_dependencies_is_ok(load: Load) -> None:
    assert call(load()) == (200, {"status": "ok", "dependencies": {}})


@pytest.mark.parametrize(
    ("error", "own", "code"),
    [
        (refused("AccessDeniedException"), True, "denied"),
        (refused("AuthorizationError"), True, "denied"),
        (refused("ValidationException"), True, "other"),
        (ParamValidationError(report="no such parameter"), True, "other"),
        (TypeError("a bug"), True, "other"),
        (refused("InternalServerError"), False, "other"),
        (refused("ResourceNotFoundException"), False, "missing"),
        (refused("NoSuchBucket"), False, "missing"),
        (refused("AWS.SimpleQueueService.NonExistentQueue"), False, "missing"),
        (refused("NotFound"), False, "missing"),
        (refused("ThrottlingException"), False, "throttled"),
        (refused("SlowDown"), False, "throttled"),
        (refused("RequestTimeout"), False, "timeout"),
        (refused("NewThrottle", status=429), False, "throttled"),
        (ConnectTimeoutError(endpoint_url="https://x"), False, "timeout"),
        (ReadTimeoutError(endpoint_url="https://x"), False, "timeout"),
        (EndpointConnectionError(endpoint_url="https://x"), False, "unreachable"),
        (ConnectionRefusedError(), False, "unreachable"),
        (TimeoutError(), False, "timeout"),
    ],
    ids=lambda value: (getattr(value, "response", None) or {}).get("Error", {}).get("Code") or type(value).__name__,
)
def test_own_mistakes_are_told_from_outages_and_each_has_a_word(
    load: Load, *, error: Exception, own: bool, code: str
) -> None:
    checker = load()
    assert (checker.is_own_mistake(error), checker.error_code(error)) == (own, code)


@pytest.mark.parametrize(
    ("service", "operation", "entry", "request_sent"),
    [
        (
            "dynamodb",
            "get_item",
            {"kind": "table", "target": "orders", "key": {"pk": {"S": "probe"}}},
            {"TableName": "orders", "Key": {"pk": {"S": "probe"}}, "ConsistentRead": True},
        ),
        (
            "s3",
            "list_objects_v2",
            {"kind": "bucket", "target": "photos"},
            {"Bucket": "photos", "Prefix": "health-check/", "MaxKeys": 1},
        ),
        (
            "sqs",
            "get_queue_attributes",
            {"kind": "queue", "target": "https://sqs.example/1/work"},
            {"QueueUrl": "https://sqs.example/1/work", "AttributeNames": ["QueueArn"]},
        ),
        (
            "sns",
            "get_topic_attributes",
            {"kind": "topic", "target": "arn:aws:sns:ap-northeast-1:1:news"},
            {"TopicArn": "arn:aws:sns:ap-northeast-1:1:news"},
        ),
    ],
    ids=["table", "bucket", "queue", "topic"],
)
def test_each_kind_is_asked_once_with_the_smallest_question(
    load: Load, *, service: str, operation: str, entry: dict[str, Any], request_sent: dict[str, Any]
) -> None:
    checker = load(DEPENDENCY_01=json.dumps({"name": "it", "hard": True, **entry}))
    client = import_module(f"{PACKAGE}.dependencies")._client(service)
    assert client.meta.config.retries["total_max_attempts"] == 1
    assert client.meta.config.read_timeout == client.meta.config.connect_timeout == 0.2
    with Stubber(client) as stubber:
        stubber.add_response(operation, {}, request_sent)
        assert call(checker)[0] == 200
        stubber.assert_no_pending_responses()


class _Site(BaseHTTPRequestHandler):
    """Answers with the status that the path asks for."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.lstrip("/").partition("?")[0]))
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/200", 200, None),
        ("/204?x=1", 200, None),
        ("/302", 200, None),
        ("/403", 503, "denied"),
        ("/404", 503, "missing"),
        ("/429", 503, "throttled"),
        ("/500", 503, "other"),
        ("/504", 503, "timeout"),
    ],
)
def test_an_http_dependency_must_answer_2xx_or_3xx(
    load: Load, site: str, *, path: str, status: int, error: str | None
) -> None:
    entry = {"name": "site", "kind": "http", "target": f"{site}{path}", "hard": True}
    answered, body = call(load(DEPENDENCY_01=json.dumps(entry)))
    assert (answered, body["dependencies"]["site"].get("error")) == (status, error)
